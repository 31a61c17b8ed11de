namespace Merganser.Tokenizers;

/// <summary>
/// The text that a tokenizer is trained on: documents, each of which is normalised and pre-tokenised on its own. It is read
/// once, block by block; only one block per thread is in memory.
/// </summary>
public abstract class TrainingCorpus
{
    private protected TrainingCorpus()
    {
    }

    /// <summary>The bytes of all documents; 0 when that is not known.</summary>
    internal abstract long Length { get; }

    /// <summary>Documents in files. Bytes that are no UTF-8 are read as U+FFFD.</summary>
    /// <param name="paths">The files; they are read in this order.</param>
    /// <param name="unit">What counts as one document.</param>
    public static TrainingCorpus FromFiles(IReadOnlyList<string> paths, DocumentUnit unit = DocumentUnit.Line)
    {
        ArgumentNullException.ThrowIfNull(paths);
        return new FileCorpus([.. paths], unit);
    }

    /// <summary>Documents in memory or from wherever the caller takes them, as UTF-8.</summary>
    /// <param name="documents">The documents; each is copied before the next is asked for.</param>
    public static TrainingCorpus FromDocuments(IEnumerable<ReadOnlyMemory<byte>> documents)
    {
        ArgumentNullException.ThrowIfNull(documents);
        return new DocumentCorpus(documents);
    }

    /// <summary>Documents as strings; lone surrogates become U+FFFD.</summary>
    public static TrainingCorpus FromDocuments(IEnumerable<string> documents)
    {
        ArgumentNullException.ThrowIfNull(documents);
        return new DocumentCorpus(documents.Select(document => (ReadOnlyMemory<byte>)System.Text.Encoding.UTF8.GetBytes(document)));
    }

    /// <summary>Begins to read from the first document on.</summary>
    internal abstract BlockReader Open();

    /// <summary>Reads documents in order; called by one thread at a time.</summary>
    internal abstract class BlockReader : IDisposable
    {
        /// <summary>Puts the next documents into a block.</summary>
        /// <returns>False at the end; then the block is empty.</returns>
        public abstract bool TryRead(DocumentBlock block);

        public abstract void Dispose();
    }
}
