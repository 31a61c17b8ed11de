using System.Runtime.Intrinsics;
using Merganser.Checkpoints;

namespace Merganser.Weights.Execution;

/// <summary>
/// Streams the tensors of one job through a merger: reads chunks, widens them to float32 tile by tile, lets the merger
/// work and stores the narrowed result. One driver belongs to one thread and reuses its memory.
/// </summary>
/// <remarks>
/// Chunks are small enough for all inputs and the output to stay in the second-level cache between the copy from the
/// page cache and the arithmetic; tiles are small enough for the first level. See docs/decisions.md for the figures.
/// </remarks>
internal sealed unsafe class TensorDriver(DriverOptions options) : IDisposable
{
    private readonly List<NativeBuffer> _raw = [];
    private readonly List<NativeBuffer> _floats = [];
    private readonly NativeBuffer _outputRaw = new();
    private readonly NativeBuffer _outputFloats = new();
    private MappedInputs? _mapped;

    /// <summary>Runs all scans that the merger asks for, then writes the whole tensor.</summary>
    public void Merge(TensorJob job, TensorMerger merger, int tensor, ITensorSink sink)
    {
        try
        {
            Scan(job, merger);
            Apply(job, merger, tensor, sink, 0, job.Output.ElementCount);
        }
        finally
        {
            _mapped?.Dispose();
            _mapped = null;
        }
    }

    /// <summary>Runs the scans that the merger asks for.</summary>
    public void Scan(TensorJob job, TensorMerger merger)
    {
        bool first = true;
        for (ScanRequest request = merger.NextScan(); request != ScanRequest.None; request = merger.NextScan())
        {
            if (request.Stride > 1 && merger.Granularity == Granularity.Elements)
            {
                SampleBlocks(job, request.Stride, merger);
                continue;
            }

            if (first && merger is IBFloat16Merger { ReadsAgain: true })
                _mapped = MappedInputs.TryMap(job, options.MappedBytes);
            var pass = new Pass(this, job, merger.Granularity, first && options.CheckFinite) { Narrow = merger as IBFloat16Merger };
            pass.Run(0, job.Output.ElementCount, (in Tile tile) => merger.Scan(tile));
            first = false;
        }
    }

    /// <summary>Shows one accumulator of model-wide statistics a tensor.</summary>
    public void Scan(TensorJob job, TensorScan scan, ScanRequest request)
    {
        if (request.Stride > 1 && scan.Granularity == Granularity.Elements)
        {
            SampleBlocks(job, request.Stride, scan);
            return;
        }

        new Pass(this, job, scan.Granularity, checkFinite: false) { Narrow = scan as IBFloat16Merger }.Run(0, job.Output.ElementCount, (in Tile tile) => scan.Scan(tile));
    }

    /// <summary>Writes elements <paramref name="begin"/> to <paramref name="end"/>.</summary>
    public void Apply(TensorJob job, TensorMerger merger, int tensor, ITensorSink sink, long begin, long end)
    {
        var pass = new Pass(this, job, merger.Granularity, options.CheckFinite) { Sink = sink, Tensor = tensor, Narrow = merger as IBFloat16Merger };
        pass.Run(begin, end, (in Tile tile) => merger.Apply(tile));
    }

    /// <summary>Copies elements of a job without a method, converting them when the types differ.</summary>
    public void Copy(TensorJob job, int tensor, ITensorSink sink, long begin, long end)
    {
        TensorSource source = job.Inputs[0];
        int size = source.Info.DType.Size();
        if (source.Info.DType != job.Output.DType)
        {
            new Pass(this, job, Granularity.Elements, options.CheckFinite) { Sink = sink, Tensor = tensor }
                .Run(begin, end, static (in Tile tile) => tile.Model(0).CopyTo(tile.Output));
            return;
        }

        byte* buffer = (byte*)_outputRaw.Rent(options.ChunkBytes);
        for (long offset = begin * size; offset < end * size; offset += options.ChunkBytes)
        {
            var bytes = new Span<byte>(buffer, (int)Math.Min(options.ChunkBytes, end * size - offset));
            options.Cancellation.ThrowIfCancellationRequested();
            source.Read(offset, bytes);
            sink.Write(tensor, offset, bytes);
            options.Moved?.Invoke(2L * bytes.Length);
        }
    }

    /// <summary>Gives back what a merger of whole tensors made grow.</summary>
    public void Trim()
    {
        foreach (NativeBuffer buffer in _floats)
            buffer.Trim(DriverOptions.KeptFloatBytes);
        _outputFloats.Trim(DriverOptions.KeptFloatBytes);
    }

    public void Dispose()
    {
        foreach (NativeBuffer buffer in _raw.Concat(_floats))
            buffer.Dispose();
        _outputRaw.Dispose();
        _outputFloats.Dispose();
    }

    private void SampleBlocks(TensorJob job, int stride, TensorMerger merger) => SampleBlocks(job, stride, (in Tile tile) => merger.Scan(tile));

    private void SampleBlocks(TensorJob job, int stride, TensorScan scan) => SampleBlocks(job, stride, (in Tile tile) => scan.Scan(tile));

    private void SampleBlocks(TensorJob job, int stride, TileAction action)
    {
        var pass = new Pass(this, job, Granularity.Elements, checkFinite: false);
        long count = job.Output.ElementCount;
        for (long begin = 0; begin < count; begin += (long)stride * ScanRequest.BlockElements)
            pass.Run(begin, Math.Min(count, begin + ScanRequest.BlockElements), action);
    }

    private static NativeBuffer At(List<NativeBuffer> buffers, int index)
    {
        while (buffers.Count <= index)
            buffers.Add(new NativeBuffer());
        return buffers[index];
    }

    private delegate void TileAction(in Tile tile);

    /// <summary>One pass over one tensor: slot 0 is the base, slots 1.. are the models.</summary>
    private sealed class Pass
    {
        private readonly TensorDriver _driver;
        private readonly TensorJob _job;
        private readonly bool _checkFinite;
        private readonly TensorSource?[] _sources;
        private readonly int _tileElements;
        private readonly int _chunkElements;
        private readonly float*[] _floats;
        private readonly byte*[] _raw;
        private readonly int _outputSize;
        private bool _isNarrow;

        public Pass(TensorDriver driver, TensorJob job, Granularity granularity, bool checkFinite)
        {
            _driver = driver;
            _job = job;
            _checkFinite = checkFinite;
            _sources = [job.Base, .. job.Inputs];
            _tileElements = TileElements(job.Output, granularity);
            int widest = Math.Max(job.Output.DType.Size(), _sources.Max(source => source?.Info.DType.Size() ?? 1));
            int chunk = Math.Max(Tile.MaxElements, driver.Options.ChunkBytes / widest);
            // A chunk is a whole number of tiles unless a tile is larger than a chunk.
            _chunkElements = _tileElements >= chunk ? chunk : chunk - chunk % _tileElements;
            _floats = new float*[_sources.Length];
            _raw = new byte*[_sources.Length];
            for (int slot = 0; slot < _sources.Length; slot++)
            {
                if (_sources[slot] is not { } source)
                    continue;
                _floats[slot] = (float*)At(driver._floats, slot).Rent(_tileElements * (long)sizeof(float));
                _raw[slot] = (byte*)At(driver._raw, slot).Rent((long)_chunkElements * source.Info.DType.Size());
            }

            _outputSize = job.Output.DType.Size();
        }

        public ITensorSink? Sink { get; init; }

        public int Tensor { get; init; }

        /// <summary>Set when the merger may be given the stored bytes.</summary>
        public IBFloat16Merger? Narrow { get; init; }

        public void Run(long begin, long end, TileAction action)
        {
            float* output = null;
            byte* outputRaw = null;
            _isNarrow = Narrow is not null && Vector256.IsHardwareAccelerated && IsStoredAs(DType.BF16);
            if (Sink is not null)
            {
                output = (float*)_driver._outputFloats.Rent(_tileElements * (long)sizeof(float));
                outputRaw = (byte*)_driver._outputRaw.Rent((long)_chunkElements * _outputSize);
            }

            fixed (float** inputs = _floats)
            {
                if (_tileElements > _chunkElements)
                    RunLargeTiles(begin, end, action, inputs, output, outputRaw);
                else
                    RunChunks(begin, end, action, inputs, output, outputRaw);
            }
        }

        /// <summary>The usual case: many tiles in a chunk.</summary>
        private void RunChunks(long begin, long end, TileAction action, float** inputs, float* output, byte* outputRaw)
        {
            for (long chunk = begin; chunk < end; chunk += _chunkElements)
            {
                int elements = (int)Math.Min(_chunkElements, end - chunk);
                long moved = ReadRaw(chunk, elements);
                bool done = _isNarrow && ShowNarrow(chunk, elements, outputRaw);
                for (int offset = 0; !done && offset < elements; offset += _tileElements)
                {
                    int count = Math.Min(_tileElements, elements - offset);
                    for (int slot = 0; slot < _sources.Length; slot++)
                    {
                        if (_sources[slot] is { } source)
                            Widen(source, _raw[slot] + (long)offset * source.Info.DType.Size(), new Span<float>(_floats[slot], count), chunk + offset);
                    }

                    action(new Tile(chunk + offset, count, inputs, _sources.Length - 1, output));
                    if (output != null)
                        TensorCast.FromSingle(new ReadOnlySpan<float>(output, count), _job.Output.DType, new Span<byte>(outputRaw + (long)offset * _outputSize, count * _outputSize));
                }

                if (Sink is not null)
                {
                    Sink.Write(Tensor, chunk * _outputSize, new ReadOnlySpan<byte>(outputRaw, elements * _outputSize));
                    moved += (long)elements * _outputSize;
                }

                _driver.Options.Moved?.Invoke(moved);
            }
        }

        /// <summary>Lets the merger work on a chunk as it is stored, when everything is bfloat16.</summary>
        private bool ShowNarrow(long start, int elements, byte* outputRaw)
        {
            fixed (byte** inputs = _raw)
            {
                var tile = new BFloat16Tile(start, (ushort**)inputs, _sources.Length - 1, (ushort*)outputRaw, elements);
                return outputRaw == null ? Narrow!.TryScan(tile) : Narrow!.TryApply(tile);
            }
        }

        private bool IsStoredAs(DType type) =>
            (_job.ComputeType is not { } compute || compute == type || !Rounding.Of(compute).IsNarrow)
            && (Sink is null || _job.Output.DType == type)
            && Array.TrueForAll(_sources, source => source is null || source.Info.DType == type);

        /// <summary>Long rows and whole tensors: many chunks in a tile.</summary>
        private void RunLargeTiles(long begin, long end, TileAction action, float** inputs, float* output, byte* outputRaw)
        {
            for (long tile = begin; tile < end; tile += _tileElements)
            {
                int count = (int)Math.Min(_tileElements, end - tile);
                for (int offset = 0; offset < count; offset += _chunkElements)
                {
                    int elements = Math.Min(_chunkElements, count - offset);
                    long moved = ReadRaw(tile + offset, elements);
                    for (int slot = 0; slot < _sources.Length; slot++)
                    {
                        if (_sources[slot] is { } source)
                            Widen(source, _raw[slot], new Span<float>(_floats[slot] + offset, elements), tile + offset);
                    }

                    _driver.Options.Moved?.Invoke(moved);
                }

                action(new Tile(tile, count, inputs, _sources.Length - 1, output));
                for (int offset = 0; output != null && offset < count; offset += _chunkElements)
                {
                    int elements = Math.Min(_chunkElements, count - offset);
                    var bytes = new Span<byte>(outputRaw, elements * _outputSize);
                    TensorCast.FromSingle(new ReadOnlySpan<float>(output + offset, elements), _job.Output.DType, bytes);
                    Sink!.Write(Tensor, (tile + offset) * _outputSize, bytes);
                    _driver.Options.Moved?.Invoke(bytes.Length);
                }
            }
        }

        private long ReadRaw(long start, int elements)
        {
            _driver.Options.Cancellation.ThrowIfCancellationRequested();
            long moved = 0;
            for (int slot = 0; slot < _sources.Length; slot++)
            {
                if (_sources[slot] is not { } source)
                    continue;
                int size = source.Info.DType.Size();
                if (_driver._mapped is { } mapped)
                    _raw[slot] = mapped.At(slot, start * size, elements * size);
                else
                    source.Read(start * size, new Span<byte>(_raw[slot], elements * size));
                moved += (long)elements * size;
            }

            return moved;
        }

        private void Widen(TensorSource source, byte* raw, Span<float> destination, long start)
        {
            DType type = source.Info.DType;
            var bytes = new ReadOnlySpan<byte>(raw, destination.Length * type.Size());
            if (!_checkFinite)
                TensorCast.ToSingle(bytes, type, destination);
            else if (!TensorCast.ToSingleAndCheck(bytes, type, destination))
                _driver.Options.OnNonFinite(source, start + destination.IndexOfAnyExceptInRange(float.MinValue, float.MaxValue));
            if (_job.ComputeType is { } compute && compute != type)
                Rounding.Of(compute).Apply(destination);
        }

        private static int TileElements(TensorInfo info, Granularity granularity)
        {
            if (granularity == Granularity.Elements)
                return Tile.MaxElements;
            if (granularity == Granularity.Tensor)
            {
                if (info.ElementCount > int.MaxValue / sizeof(float))
                    throw new MerganserException($"{info.Name}: {info.ElementCount} elements are too many for a method that needs the whole tensor at once");
                return (int)Math.Max(1, info.ElementCount);
            }

            int row = (int)Math.Max(1, info.RowLength);
            return row * Math.Max(1, Tile.MaxElements / row);
        }
    }

    private DriverOptions Options => options;
}
