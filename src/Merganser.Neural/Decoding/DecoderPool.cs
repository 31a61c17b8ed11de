using Merganser.Neural.Decoding.Cpu;
using Merganser.Neural.Models;

namespace Merganser.Neural.Decoding;

/// <summary>Decoders over one packed copy of a model, one for each sequence that is being made. The copy is made when the first is asked for.</summary>
internal sealed class DecoderPool(LlamaModel model, DecoderOptions options) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Stack<LlamaDecoder> _idle = new();
    private PackedLlama? _weights;
    private bool _isDisposed;

    /// <summary>An empty decoder that nobody else uses until it is returned.</summary>
    public LlamaDecoder Rent()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            if (_idle.TryPop(out LlamaDecoder? decoder))
                return decoder;
            _weights ??= new PackedLlama(model, options.Weights);
            return new LlamaDecoder(model, options, _weights);
        }
    }

    /// <summary>Takes a decoder back.</summary>
    public void Return(LlamaDecoder decoder)
    {
        lock (_lock)
        {
            if (!_isDisposed && _idle.Count < Environment.ProcessorCount)
            {
                decoder.Truncate(0);
                decoder.Rest();
                _idle.Push(decoder);
                return;
            }
        }

        decoder.Dispose();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            _isDisposed = true;
            while (_idle.TryPop(out LlamaDecoder? decoder))
                decoder.Dispose();
            _weights?.Dispose();
            _weights = null;
        }
    }
}
