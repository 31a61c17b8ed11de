namespace Merganser;

/// <summary>
/// Bad input: a file, a recipe or an option that cannot be used. The message names the file, the tensor or the option and
/// says what to do, on one line; the command line prints it as it is and exits with code 1.
/// </summary>
public sealed class MerganserException : Exception
{
    /// <summary>Makes an exception whose message is meant for the person who gave the input.</summary>
    public MerganserException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}
