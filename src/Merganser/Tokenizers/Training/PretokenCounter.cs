namespace Merganser.Tokenizers;

/// <summary>
/// Counts the pretokens of a corpus. Each thread takes a block of documents at a time and counts into a table of its own; a
/// table that has grown is emptied into the common one, so that memory is what the distinct words need.
/// </summary>
internal sealed class PretokenCounter
{
    private const int LargeTable = 64 << 20; // bytes of distinct words in a thread's table before it is emptied

    private readonly Normalizer? _normalizer;
    private readonly PreTokenizer? _preTokenizer;
    private readonly bool _isByteLevel; // counted as raw bytes, written in the alphabet at the end
    private readonly bool _addsSpace;
    private readonly SplitScanner? _scanner;
    private readonly bool _tracks;

    public PretokenCounter(Normalizer? normalizer, PreTokenizer? preTokenizer)
    {
        _normalizer = normalizer;
        _preTokenizer = preTokenizer;
        _isByteLevel = normalizer is null && ByteLevelPlan.TryRecognise(preTokenizer, out _scanner, out _addsSpace);
        _tracks = preTokenizer is { NeedsOffsets: true };
    }

    /// <summary>Counts all pretokens.</summary>
    public WordCounts Count(TrainingCorpus corpus, TrainingRun run)
    {
        using TrainingCorpus.BlockReader reader = corpus.Open();
        var common = new WordTable();
        long length = corpus.Length;
        long done = 0;
        run.For(run.Threads, _ =>
        {
            var worker = new Worker(this);
            var block = new DocumentBlock();
            while (true)
            {
                lock (reader)
                {
                    run.Report(TrainingStage.Counting, done, length);
                    if (!reader.TryRead(block))
                        break;
                    done += block.Used;
                }

                for (int document = 0; document < block.Count; document++)
                    worker.Add(block[document]);
                if (worker.Words.ByteCount > LargeTable)
                    Empty(worker, common);
            }

            Empty(worker, common);
        });
        run.Report(TrainingStage.Counting, done, length);
        return new WordCounts(_isByteLevel ? InAlphabet(common) : common);
    }

    private static void Empty(Worker worker, WordTable common)
    {
        lock (common)
            common.Add(worker.Words);
        worker.Words.Clear();
    }

    private static WordTable InAlphabet(WordTable raw)
    {
        var words = new WordTable();
        byte[] room = new byte[256];
        for (int index = 0; index < raw.Count; index++)
        {
            ReadOnlySpan<byte> word = raw[index];
            if (room.Length < 2L * word.Length)
                room = new byte[checked(2 * word.Length)];
            words.Add(room.AsSpan(0, ByteLevelAlphabet.Encode(word, room)), raw.CountOf(index));
        }

        return words;
    }

    /// <summary>The part of one thread.</summary>
    private sealed class Worker(PretokenCounter counter)
    {
        private readonly ScanWindow _window = new();
        private readonly NormalizedText _normalized = new();
        private readonly PreTokenizedText _pieces = new();
        private byte[] _spaced = [];

        public WordTable Words { get; } = new();

        public void Add(ReadOnlySpan<byte> document)
        {
            if (document.IsEmpty)
                return;
            if (!System.Text.Unicode.Utf8.IsValid(document))
                document = System.Text.Encoding.UTF8.GetBytes(System.Text.Encoding.UTF8.GetString(document));
            if (counter._isByteLevel)
                AddBytes(document);
            else
                AddPieces(document);
        }

        private void AddBytes(ReadOnlySpan<byte> document)
        {
            if (counter._addsSpace && document[0] != ' ')
            {
                if (_spaced.Length <= document.Length)
                    _spaced = new byte[checked(document.Length + (document.Length / 2) + 1)];
                _spaced[0] = (byte)' ';
                document.CopyTo(_spaced.AsSpan(1));
                document = _spaced.AsSpan(0, document.Length + 1);
            }

            if (counter._scanner is null)
            {
                Words.Add(document, 1);
                return;
            }

            for (int at = 0; at < document.Length;)
            {
                int next = counter._scanner.Next(document, at, _window);
                int start = at;
                foreach (int end in _window.Ends.AsSpan(0, _window.Count))
                {
                    Words.Add(document[start..(at + end)], 1);
                    start = at + end;
                }

                at = next;
            }
        }

        private void AddPieces(ReadOnlySpan<byte> document)
        {
            _normalized.Reset(document, 0, counter._tracks);
            counter._normalizer?.Normalize(_normalized);
            if (_normalized.Length == 0)
                return;
            if (counter._preTokenizer is null)
            {
                Words.Add(_normalized.Bytes, 1);
                return;
            }

            _pieces.Reset(_normalized);
            counter._preTokenizer.PreTokenize(_pieces);
            for (int piece = 0; piece < _pieces.Count; piece++)
                Words.Add(_pieces.Piece(piece), 1);
        }
    }
}
