namespace Merganser.Tokenizers;

/// <summary>Documents that the caller hands over one by one.</summary>
internal sealed class DocumentCorpus(IEnumerable<ReadOnlyMemory<byte>> documents) : TrainingCorpus
{
    internal override long Length => 0;

    internal override BlockReader Open() => new Reader(documents.GetEnumerator());

    private sealed class Reader(IEnumerator<ReadOnlyMemory<byte>> documents) : BlockReader
    {
        public override bool TryRead(DocumentBlock block)
        {
            block.Clear();
            while (block.Used < DocumentBlock.Target && documents.MoveNext())
                block.Append(documents.Current.Span, "documents in memory");
            return block.Count > 0;
        }

        public override void Dispose() => documents.Dispose();
    }
}
