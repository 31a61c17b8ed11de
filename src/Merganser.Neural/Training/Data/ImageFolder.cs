using System.Globalization;
using Merganser.Neural.Models.Processing;

namespace Merganser.Neural.Training.Data;

/// <summary>
/// Labelled pictures: a folder per class with its pictures, or Parquet tables with a picture (<c>image/bytes</c>, or bytes in <c>image</c>)
/// and a class a row; each brought to one size by an image processor.
/// </summary>
public static class ImageFolder
{
    private const string Column = "image";

    /// <summary>Reads all pictures below the folders of a folder, in the order of their names; or a Parquet file, or a folder of such.</summary>
    /// <param name="path">The folder or file.</param>
    /// <param name="processor">What is done to each picture, up to its size; its factor, mean and deviation are left to the reader.</param>
    /// <param name="imageField">The column of tables that holds the picture.</param>
    /// <param name="labelField">The column that holds the class.</param>
    /// <exception cref="MerganserException">There are no classes or no pictures, a file is no whole picture, or the processor does not bring all to one size.</exception>
    public static ImageSet Read(string path, ImageProcessor processor, string imageField = Column, string labelField = "label")
    {
        ArgumentNullException.ThrowIfNull(processor);
        if (Tables(path) is { Length: > 0 } tables)
        {
            (string Name, byte[] Bytes, string Label)[] rows = [.. tables.SelectMany(file => Rows(file, imageField, labelField))];
            string[] labels = LabelOrder.Of(rows.Select(row => row.Label));
            return Gather(path, processor, rows.Length, i => Picture.Read(new MemoryStream(rows[i].Bytes), rows[i].Name), [.. rows.Select(row => Array.IndexOf(labels, row.Label))], labels);
        }

        string[] classes = Classes(path);
        (string File, int Label)[] files =
        [
            .. classes.SelectMany((name, label) => Directory.EnumerateFiles(Path.Join(path, name))
                .Where(file => Picture.Endings.Contains(Path.GetExtension(file), StringComparer.OrdinalIgnoreCase)).Order(StringComparer.Ordinal).Select(file => (file, label))),
        ];
        return files.Length > 0
            ? Gather(path, processor, files.Length, i => Picture.Read(files[i].File), [.. files.Select(file => file.Label)], classes)
            : throw new MerganserException($"{path}: holds no pictures; needed are folders named after the classes with {string.Join(", ", Picture.Endings)} files, .parquet tables, or IDX files");
    }

    /// <summary>The classes: the names of folders, or the values of the column, in order.</summary>
    /// <exception cref="MerganserException">There is no such folder.</exception>
    internal static string[] Classes(string path, string labelField = "label")
    {
        if (Tables(path) is { Length: > 0 } tables)
            return LabelOrder.Of(tables.SelectMany(file => ParquetTable.Read(file, labelField)[0]!.Select((label, row) => Label(label, file, row, labelField))));
        return Directory.Exists(path)
            ? LabelOrder.Of(Directory.GetDirectories(path).Select(folder => Path.GetFileName(folder)))
            : throw new MerganserException($"{path}: there is no such folder");
    }

    /// <summary>Brings pictures to one size and puts their planes one after the other.</summary>
    internal static ImageSet Gather(string path, ImageProcessor processor, int count, Func<int, Picture> read, int[] labels, IReadOnlyList<string> names)
    {
        int channels = processor.Channels, plane = 0;
        byte[] pixels = [];
        Picture? first = null;
        for (int i = 0; i < count; i++)
        {
            Picture picture = processor.Fit(read(i));
            if (first is null)
            {
                (first, plane) = (picture, picture.Height * picture.Width);
                if ((long)plane * channels * count > Array.MaxLength)
                    throw new MerganserException($"{path}: {count} pictures of {channels}×{picture.Height}×{picture.Width} do not fit in one set");
                pixels = new byte[plane * channels * count];
            }

            if ((picture.Height, picture.Width) != (first.Height, first.Width))
                throw new MerganserException($"{path}: has pictures of {first.Height}×{first.Width} and of {picture.Height}×{picture.Width}; the preprocessor's configuration does not bring them to one size");
            Span<byte> planes = pixels.AsSpan(i * plane * channels, plane * channels);
            for (int place = 0; place < plane; place++)
            {
                for (int channel = 0; channel < channels; channel++)
                    planes[(channel * plane) + place] = picture.Pixels[(place * channels) + channel];
            }
        }

        return new ImageSet(channels, first!.Height, first.Width, pixels, labels, names);
    }

    private static string[] Tables(string path) => path.EndsWith(".parquet", StringComparison.OrdinalIgnoreCase) && File.Exists(path) ? [path]
        : Directory.Exists(path) ? [.. Directory.EnumerateFiles(path, "*.parquet").Order(StringComparer.Ordinal)] : [];

    private static IEnumerable<(string Name, byte[] Bytes, string Label)> Rows(string file, string imageField, string labelField)
    {
        object?[]?[] columns = ParquetTable.Read(file, $"{imageField}/bytes|{imageField}", labelField);
        for (int row = 0; row < columns[0]!.Length; row++)
        {
            byte[] bytes = columns[0]![row] as byte[] ?? throw new MerganserException($"{file}: row {row + 1} has no bytes of a picture in '{imageField}'");
            yield return (string.Create(CultureInfo.InvariantCulture, $"{file}: row {row + 1}"), bytes, Label(columns[1]![row], file, row, labelField));
        }
    }

    private static string Label(object? value, string file, int row, string labelField) =>
        Convert.ToString(value, CultureInfo.InvariantCulture) is { Length: > 0 } label ? label : throw new MerganserException($"{file}: row {row + 1} has no class in '{labelField}'");
}
