namespace Merganser.Tokenizers;

/// <summary>What is done with special tokens whose text occurs in the input.</summary>
public enum SpecialTokenPolicy
{
    /// <summary>They are found and become one id.</summary>
    Allow,

    /// <summary>They are an error: for text that must not hold control tokens.</summary>
    Forbid,

    /// <summary>They are text like any other.</summary>
    AsText,
}
