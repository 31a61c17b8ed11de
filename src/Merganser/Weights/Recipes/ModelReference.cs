namespace Merganser.Weights.Recipes;

/// <summary>
/// A model as a recipe names it: <c>path[@revision][+adapter[@revision]]</c> or the mapping form. Two references are equal
/// when all parts are.
/// </summary>
/// <param name="Path">The folder, or a repository's name.</param>
/// <param name="Revision">The revision of the repository; has no meaning for a folder.</param>
/// <param name="AdapterPath">The folder of a LoRA adapter that is applied to the model.</param>
/// <param name="AdapterRevision">The revision of the adapter's repository.</param>
/// <param name="OverrideArchitecture">Replaces the architecture that the configuration names.</param>
public sealed record ModelReference(
    string Path, string? Revision = null, string? AdapterPath = null, string? AdapterRevision = null, string? OverrideArchitecture = null)
{
    /// <summary>Reads the short form.</summary>
    /// <exception cref="FormatException">There is more than one <c>+</c>, or more than one <c>@</c> in a part, or a part is empty.</exception>
    public static ModelReference Parse(string text)
    {
        string[] parts = text.Split('+');
        if (parts.Length > 2)
            throw new FormatException($"the model {NearestName.Quote(text)} has more than one '+'; write it as a mapping with 'model' and 'lora' if a path contains one");
        (string path, string? revision) = ParsePath(parts[0]);
        if (parts.Length == 1)
            return new ModelReference(path, revision);
        (string adapter, string? adapterRevision) = ParsePath(parts[1]);
        return new ModelReference(path, revision, adapter, adapterRevision);
    }

    /// <summary>Reads <c>path[@revision]</c>.</summary>
    internal static (string Path, string? Revision) ParsePath(string text)
    {
        string[] parts = text.Split('@');
        if (parts.Length > 2)
            throw new FormatException($"the path {NearestName.Quote(text)} has more than one '@'; write it as a mapping with 'path' if it contains one");
        if (parts[0].Trim().Length == 0)
            throw new FormatException("the path of a model is empty");
        return (parts[0], parts.Length == 2 ? parts[1] : null);
    }

    /// <summary>The short form, as recipes write it.</summary>
    public override string ToString()
    {
        string text = Revision is null ? Path : $"{Path}@{Revision}";
        if (AdapterPath is not null)
            text += AdapterRevision is null ? $"+{AdapterPath}" : $"+{AdapterPath}@{AdapterRevision}";
        return text;
    }
}
