namespace Merganser.Tokenizers.Chat;

/// <summary>A template cannot be read or run; <see cref="Offset"/> is the place in it.</summary>
internal sealed class TemplateException(string message, int offset) : Exception(message)
{
    public int Offset { get; } = offset;
}
