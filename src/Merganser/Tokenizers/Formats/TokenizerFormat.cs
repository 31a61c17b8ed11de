namespace Merganser.Tokenizers;

/// <summary>The formats that a tokenizer can be saved in.</summary>
public enum TokenizerFormat
{
    /// <summary><c>tokenizer.json</c>: holds everything.</summary>
    TokenizerJson,

    /// <summary><c>.tiktoken</c>: byte-level BPE whose merges follow from the ranks; no special tokens.</summary>
    Tiktoken,

    /// <summary>SentencePiece <c>.model</c>: Unigram with word markers.</summary>
    SentencePiece,

    /// <summary><c>vocab.txt</c>: WordPiece with BERT's pipeline.</summary>
    VocabTxt,

    /// <summary><c>vocab.json</c> with <c>merges.txt</c> beside it: byte-level BPE as GPT-2 has it.</summary>
    VocabJson,
}
