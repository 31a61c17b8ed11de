using System.Collections.Immutable;
using System.Reflection;
using Merganser.Checkpoints.Architectures;

namespace Merganser.Checkpoints;

/// <summary>
/// Finds out what tensors models consist of. The names in the checkpoints decide; tables of known families add other spellings,
/// tied tensors, which tensors have a row for each token, and the order.
/// </summary>
public static class ArchitectureCatalog
{
    private static readonly Lazy<ImmutableArray<ArchitectureEntry>> Entries = new(ReadEntries);

    /// <summary>The architectures that the tables know, sorted; all others are inferred.</summary>
    public static IEnumerable<string> KnownNames => Entries.Value.SelectMany(entry => entry.Names).Order(StringComparer.Ordinal);

    /// <summary>The architecture that all models share.</summary>
    /// <param name="models">The models; the first one's configuration gives the keys of layer count and vocabulary size.</param>
    /// <param name="allowMixed">Take models of different architectures; the first one's table is used.</param>
    /// <param name="names">For each model the name to use in place of <c>config.architectures</c>; null entries, or null, for none.</param>
    /// <exception cref="MerganserException">The architectures differ, or a configuration names several.</exception>
    public static Architecture Resolve(IReadOnlyList<ModelFolder> models, bool allowMixed = false, IReadOnlyList<string?>? names = null)
    {
        ArgumentOutOfRangeException.ThrowIfZero(models.Count, nameof(models));
        if (names is not null && names.Count != models.Count)
            throw new ArgumentException("there must be as many names as models", nameof(names));

        (ModelFolder Model, string Name, ArchitectureEntry? Entry)? first = null;
        for (int i = 0; i < models.Count; i++)
        {
            string? name = names?[i] ?? models[i].ArchitectureName;
            ArchitectureEntry? entry = FindEntry(name, models[i].ModelType);
            name ??= entry?.DefaultName;
            if (name is null)
                continue;
            if (first is not { } leader)
                first = (models[i], name, entry);
            else if (!allowMixed && name != leader.Name && !(entry is not null && entry == leader.Entry && entry.AreSynonyms(name, leader.Name)))
                throw new MerganserException($"{models[i].Path}: is a {name}, but {leader.Model.Path} is a {leader.Name}; models of different architectures merge only with --allow-crimes");
        }

        return ArchitectureInference.Infer(models, first?.Entry, first?.Name ?? "unknown");
    }

    private static ArchitectureEntry? FindEntry(string? name, string? modelType) =>
        name is not null
            ? Entries.Value.FirstOrDefault(entry => entry.Names.Contains(name))
            : Entries.Value.FirstOrDefault(entry => modelType is not null && entry.ModelTypes.Contains(modelType));

    private static ImmutableArray<ArchitectureEntry> ReadEntries()
    {
        Assembly assembly = typeof(ArchitectureCatalog).Assembly;
        ImmutableArray<ArchitectureEntry>.Builder entries = ImmutableArray.CreateBuilder<ArchitectureEntry>();
        foreach (string resource in assembly.GetManifestResourceNames().Where(name => name.StartsWith("Architectures/", StringComparison.Ordinal)).Order(StringComparer.Ordinal))
        {
            using Stream stream = assembly.GetManifestResourceStream(resource)!;
            entries.AddRange(ArchitectureEntry.Read(stream));
        }

        return entries.DrainToImmutable();
    }
}
