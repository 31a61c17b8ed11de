namespace Merganser.Weights.Lora;

/// <summary>How an adapter is extracted.</summary>
public sealed record LoraExtractOptions
{
    /// <summary>The largest rank of a module; ≥ 1.</summary>
    public int MaxRank { get; init; } = 128;

    /// <summary>True to give both factors √S, false to give S to A alone.</summary>
    public bool DistributeScale { get; init; } = true;

    /// <summary>True to decompose embeddings and the output head too; false to save them whole.</summary>
    public bool EmbedLora { get; init; }

    /// <summary>Modules to save whole: full names or last parts of names.</summary>
    public IReadOnlyList<string> SaveModules { get; init; } = [];

    /// <summary>If any are given, only modules whose name contains a match of one of these regular expressions are extracted.</summary>
    public IReadOnlyList<string> IncludeRegexes { get; init; } = [];

    /// <summary>Modules whose name contains a match of one of these regular expressions are left out.</summary>
    public IReadOnlyList<string> ExcludeRegexes { get; init; } = [];

    /// <summary>Singular values up to this are dropped; 0 keeps all up to <see cref="MaxRank"/>.</summary>
    public double SvEpsilon { get; init; }

    /// <summary>True to leave out modules that have no matrix (norms) instead of saving them whole.</summary>
    public bool SkipUndecomposable { get; init; }

    /// <summary>True never to use the randomised decomposition.</summary>
    public bool Exact { get; init; }

    /// <summary>The seed of randomised decompositions.</summary>
    public ulong Seed { get; init; }

    /// <summary>Threads of a decomposition.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>Replaces an existing output folder.</summary>
    public bool Overwrite { get; init; }

    /// <summary>Receives one-line warnings.</summary>
    public Action<string>? Warn { get; init; }

    /// <summary>Receives the number of finished modules and of all.</summary>
    public Action<int, int>? Progress { get; init; }

    /// <summary>Stops the run.</summary>
    public CancellationToken Cancellation { get; init; }
}

/// <summary>What an extraction made.</summary>
/// <param name="Decomposed">Modules with low-rank factors.</param>
/// <param name="Saved">Modules saved whole.</param>
/// <param name="Rank">The largest rank.</param>
/// <param name="Bytes">Bytes of the adapter's tensors.</param>
public sealed record LoraExtractReport(int Decomposed, int Saved, int Rank, long Bytes);
