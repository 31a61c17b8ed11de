namespace Merganser.Tokenizers;

/// <summary>Normalised text and the pieces that pre-tokenizers have cut it into. Reused from text to text.</summary>
public sealed class PreTokenizedText
{
}
