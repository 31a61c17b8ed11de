namespace Merganser.Tokenizers;

/// <content>Files.</content>
public sealed partial class Tokenizer
{
    /// <summary>
    /// Loads a tokenizer: a <c>tokenizer.json</c>, a folder that holds one of the files named here, a <c>.tiktoken</c> file
    /// (known by its name or content), a SentencePiece <c>.model</c>, a BERT
    /// <c>vocab.txt</c>, or a <c>vocab.json</c> beside its <c>merges.txt</c>.
    /// </summary>
    /// <exception cref="MerganserException">The file cannot be read or used; the message names the place in it.</exception>
    public static Tokenizer Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return TokenizerFiles.Load(Checkpoints.Hub.HubCache.Resolve(path));
    }

    /// <summary>Loads a <c>tokenizer.json</c> from memory.</summary>
    /// <param name="utf8Json">The document.</param>
    /// <param name="name">Its name in messages.</param>
    public static Tokenizer LoadJson(ReadOnlySpan<byte> utf8Json, string name = "tokenizer.json") => TokenizerJson.Parse(utf8Json, name);

    /// <summary>Loads a <c>.tiktoken</c> file whose split pattern and special tokens it does not tell.</summary>
    /// <param name="path">The file.</param>
    /// <param name="encoding">How text is split, and the special tokens; null: known by the content or the name of the file.</param>
    public static Tokenizer LoadTiktoken(string path, TiktokenEncoding? encoding = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return TiktokenFile.Read(path, encoding);
    }

    /// <summary>Saves this tokenizer as <c>tokenizer.json</c>. Loading it again gives the same encodings.</summary>
    /// <param name="path">The file, or a folder, in which it is then called tokenizer.json.</param>
    /// <exception cref="MerganserException">The file cannot be written, or a part has no place in the format.</exception>
    public void Save(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        WholeFile.Write(Directory.Exists(path) ? Path.Combine(path, "tokenizer.json") : path, Save);
    }

    /// <summary>Saves this tokenizer in a format, if that loses nothing that decides about ids.</summary>
    /// <param name="path">The file; of <see cref="TokenizerFormat.VocabJson"/> that of the vocabulary.</param>
    /// <param name="format">The format.</param>
    /// <exception cref="MerganserException">The format cannot hold this tokenizer; the message says why.</exception>
    public void Save(string path, TokenizerFormat format)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        switch (format)
        {
            case TokenizerFormat.TokenizerJson:
                Save(path);
                break;
            case TokenizerFormat.Tiktoken:
                WholeFile.Write(path, stream => TiktokenFile.Write(this, stream));
                break;
            case TokenizerFormat.SentencePiece:
                WholeFile.Write(path, stream => SentencePieceExport.Write(this, stream));
                break;
            case TokenizerFormat.VocabTxt:
                WholeFile.Write(path, stream => BertVocabularyFile.Write(this, stream));
                break;
            case TokenizerFormat.VocabJson:
                MergesFile.Write(this, path);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(format));
        }
    }

    /// <summary>Saves this tokenizer as <c>tokenizer.json</c>.</summary>
    public void Save(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        TokenizerJsonWriter.Write(this, stream);
    }
}
