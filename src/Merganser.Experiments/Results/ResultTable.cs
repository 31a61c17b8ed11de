using System.Globalization;

namespace Merganser.Experiments;

/// <summary>A table of a result: what was measured, in the order of the rows.</summary>
/// <param name="Title">What it shows.</param>
/// <param name="Headings">A heading per column; the first column holds names, the others figures.</param>
public sealed record ResultTable(string Title, IReadOnlyList<string> Headings)
{
    private readonly List<IReadOnlyList<string>> _rows = [];

    /// <summary>The rows.</summary>
    public IReadOnlyList<IReadOnlyList<string>> Rows => _rows;

    /// <summary>Adds a row.</summary>
    /// <exception cref="ArgumentException">It has more or fewer cells than there are headings.</exception>
    public void Add(params IReadOnlyList<string> cells)
    {
        ArgumentNullException.ThrowIfNull(cells);
        if (cells.Count != Headings.Count)
            throw new ArgumentException($"{cells.Count} cells for {Headings.Count} columns", nameof(cells));
        _rows.Add(cells);
    }

    /// <summary>A figure as tables show it.</summary>
    public static string Cell(double value) => double.IsFinite(value) ? value.ToString("0.000", CultureInfo.InvariantCulture) : "–";

    /// <summary>The mean over seeds and, behind it, the smallest and the largest value.</summary>
    public static string Cell(IReadOnlyCollection<double> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        return values.Count == 0 ? "–" : values.Count == 1 ? Cell(values.First()) : $"{Cell(values.Average())} ({Cell(values.Min())}–{Cell(values.Max())})";
    }
}
