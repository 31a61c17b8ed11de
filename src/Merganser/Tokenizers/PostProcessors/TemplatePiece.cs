namespace Merganser.Tokenizers;

/// <summary>A piece of a template: a sequence (A or B) or a special token.</summary>
/// <param name="Id">"A" or "B" for a sequence, else the name of a special token of the template.</param>
/// <param name="IsSequence">Whether it is a sequence.</param>
/// <param name="TypeId">The type id of its tokens.</param>
public readonly record struct TemplatePiece(string Id, bool IsSequence, int TypeId);

/// <summary>A special token of a template, which may stand for several ids.</summary>
/// <param name="Id">Its name in the template.</param>
/// <param name="Ids">The ids.</param>
/// <param name="Tokens">The text of each id.</param>
public sealed record TemplateToken(string Id, IReadOnlyList<int> Ids, IReadOnlyList<string> Tokens);
