namespace Merganser.Tokenizers;

/// <summary>A token that is found in the text before anything else is done to it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">Its text.</param>
/// <param name="SingleWord">Only where neither neighbour is a word character.</param>
/// <param name="LeftStrip">Takes the white space before it as well.</param>
/// <param name="RightStrip">Takes the white space after it as well.</param>
/// <param name="Normalized">Looked for in the normalised text, with its content normalised; otherwise in the text as given.</param>
/// <param name="Special">A control token: skipped by decoding on request.</param>
public readonly record struct AddedToken(
    int Id,
    string Content,
    bool SingleWord = false,
    bool LeftStrip = false,
    bool RightStrip = false,
    bool Normalized = false,
    bool Special = false);
