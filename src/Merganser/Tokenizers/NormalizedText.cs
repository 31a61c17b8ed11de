namespace Merganser.Tokenizers;

/// <summary>
/// A piece of text on its way through the normalizers: its bytes now and, when asked for, the range of the original text
/// that each byte came from. Reused from text to text.
/// </summary>
public sealed class NormalizedText
{
}
