namespace Merganser.Neural.Tokens.Cpu;

/// <summary>The indices of a map in managed memory: row after row, one row per image.</summary>
/// <param name="Batch">Images.</param>
/// <param name="Count">Tokens that go in.</param>
/// <param name="Groups">Tokens that come out.</param>
/// <param name="Edges">Tokens that are merged into others.</param>
internal sealed record IndexLists(int Batch, int Count, int Groups, int Edges)
{
    /// <summary>[Batch, Groups].</summary>
    public int[] Anchors { get; } = new int[Batch * Groups];

    /// <summary>[Batch, Edges].</summary>
    public int[] Sources { get; } = new int[Batch * Edges];

    /// <summary>[Batch, Edges].</summary>
    public int[] Targets { get; } = new int[Batch * Edges];

    public Span<int> AnchorsOf(int image) => Anchors.AsSpan(image * Groups, Groups);

    public Span<int> SourcesOf(int image) => Sources.AsSpan(image * Edges, Edges);

    public Span<int> TargetsOf(int image) => Targets.AsSpan(image * Edges, Edges);
}
