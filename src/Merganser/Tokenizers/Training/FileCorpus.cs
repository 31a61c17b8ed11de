namespace Merganser.Tokenizers;

/// <summary>Documents in text files.</summary>
internal sealed class FileCorpus(string[] paths, DocumentUnit unit) : TrainingCorpus
{
    internal override long Length
    {
        get
        {
            long length = 0;
            foreach (string path in paths)
            {
                var file = new FileInfo(path);
                length += file.Exists ? file.Length : 0;
            }

            return length;
        }
    }

    internal override BlockReader Open() => new Reader(paths, unit);

    private sealed class Reader(string[] paths, DocumentUnit unit) : BlockReader
    {
        private FileStream? _file;
        private int _next;
        private byte[] _rest = new byte[1 << 12]; // the start of a line that the last block did not end
        private int _restLength;

        public override bool TryRead(DocumentBlock block)
        {
            while (true)
            {
                block.Clear();
                if (_file is null)
                {
                    if (_next == paths.Length)
                        return false;
                    _file = OpenFile(paths[_next++]);
                }

                bool isEnd = unit == DocumentUnit.File ? ReadFile(block) : ReadLines(block);
                if (isEnd)
                    CloseFile();
                if (block.Count > 0)
                    return true;
            }
        }

        public override void Dispose() => CloseFile();

        /// <summary>Reads up to the last line feed of the next bytes.</summary>
        /// <returns>True at the end of the file.</returns>
        private bool ReadLines(DocumentBlock block)
        {
            block.EnsureLength(_restLength + (long)DocumentBlock.Target, _file!.Name);
            _rest.AsSpan(0, _restLength).CopyTo(block.Buffer);
            block.Used = _restLength;
            _restLength = 0;
            while (true)
            {
                int read = Read(block.Buffer.AsSpan(block.Used));
                int from = block.Used;
                block.Used += read;
                if (read == 0)
                {
                    CutLines(block, block.Used);
                    return true;
                }

                int feed = block.Buffer.AsSpan(from, read).LastIndexOf((byte)'\n');
                if (feed >= 0)
                {
                    int end = from + feed + 1;
                    CutLines(block, end);
                    _restLength = block.Used - end;
                    if (_rest.Length < _restLength)
                        _rest = new byte[Math.Max(_restLength, 2 * _rest.Length)];
                    block.Buffer.AsSpan(end, _restLength).CopyTo(_rest);
                    block.Used = end;
                    return false;
                }

                if (block.Used == block.Buffer.Length)
                    block.EnsureLength(block.Used + 1L, _file.Name);
            }
        }

        private void CutLines(DocumentBlock block, int end)
        {
            for (int start = 0; start < end;)
            {
                int feed = block.Buffer.AsSpan(start, end - start).IndexOf((byte)'\n');
                int next = feed < 0 ? end : start + feed + 1;
                block.AddDocument(start, feed < 0 || unit == DocumentUnit.LineWithEnd ? next : next - 1);
                start = next;
            }
        }

        private bool ReadFile(DocumentBlock block)
        {
            block.EnsureLength(_file!.Length + 1, _file.Name);
            while (true)
            {
                int read = Read(block.Buffer.AsSpan(block.Used));
                if (read == 0)
                    break;
                block.Used += read;
                block.EnsureLength(block.Used + 1L, _file.Name);
            }

            block.AddDocument(0, block.Used);
            return true;
        }

        private int Read(Span<byte> target)
        {
            try
            {
                return _file!.Read(target);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new MerganserException($"{_file!.Name}: cannot be read: {e.Message}");
            }
        }

        private static FileStream OpenFile(string path)
        {
            try
            {
                return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
            {
                throw new MerganserException($"{path}: cannot be opened: {e.Message}");
            }
        }

        private void CloseFile()
        {
            _file?.Dispose();
            _file = null;
        }
    }
}
