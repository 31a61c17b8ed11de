using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Merganser.Cli.Neural;

/// <summary>The kinds of files that vectors are written to.</summary>
internal enum VectorFormat
{
    /// <summary>An object a line: the input, its class if it has one, the vector.</summary>
    Jsonl,

    /// <summary>NumPy's array file: float32 [N, D].</summary>
    Npy,

    /// <summary>One tensor <c>embeddings</c>, F32 [N, D].</summary>
    Safetensors,
}

/// <summary>Writes vectors row by row. The number of rows is known before, their length with the first.</summary>
/// <param name="stream">Where they go.</param>
/// <param name="format">In which form.</param>
/// <param name="count">The number of rows.</param>
/// <param name="metadata">What safetensors say besides.</param>
/// <param name="written">Called after each line.</param>
internal sealed class VectorWriter(Stream stream, VectorFormat format, int count, IReadOnlyDictionary<string, string> metadata, Action? written = null) : IDisposable
{
    private static readonly JsonWriterOptions LineOptions = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private int _width = -1;

    public void Write(string input, string? label, ReadOnlySpan<float> vector)
    {
        foreach (float value in vector)
        {
            if (!float.IsFinite(value))
                throw new MerganserException($"{input}: the vector is not finite; if the model was loaded as float16, take bfloat16 or float32");
        }

        if (format == VectorFormat.Jsonl)
        {
            WriteLine(input, label, vector);
            written?.Invoke();
            return;
        }

        if (_width < 0)
        {
            _width = vector.Length;
            stream.Write(format == VectorFormat.Npy ? NpyHeader() : SafetensorsHeader());
        }

        if (BitConverter.IsLittleEndian)
        {
            stream.Write(MemoryMarshal.AsBytes(vector));
            return;
        }

        Span<byte> bytes = stackalloc byte[sizeof(float)];
        foreach (float value in vector)
        {
            BinaryPrimitives.WriteSingleLittleEndian(bytes, value);
            stream.Write(bytes);
        }
    }

    public void Dispose() => stream.Dispose();

    private void WriteLine(string input, string? label, ReadOnlySpan<float> vector)
    {
        using (var json = new Utf8JsonWriter(stream, LineOptions))
        {
            json.WriteStartObject();
            json.WriteString("input", input);
            if (label is not null)
                json.WriteString("label", label);
            json.WriteStartArray("embedding");
            foreach (float value in vector)
                json.WriteNumberValue(value);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        stream.WriteByte((byte)'\n');
    }

    /// <summary>Version 1.0: a Python literal, padded with spaces to a multiple of 64 bytes in all, a line's end last.</summary>
    private byte[] NpyHeader()
    {
        string text = string.Create(CultureInfo.InvariantCulture, $"{{'descr': '<f4', 'fortran_order': False, 'shape': ({count}, {_width}), }}");
        const int Before = 10;
        int length = ((Before + text.Length + 1 + 63) / 64 * 64) - Before;
        byte[] header = new byte[Before + length];
        ((ReadOnlySpan<byte>)[0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y', 1, 0]).CopyTo(header);
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(8), (ushort)length);
        Encoding.ASCII.GetBytes(text.PadRight(length - 1) + "\n", header.AsSpan(Before));
        return header;
    }

    private byte[] SafetensorsHeader()
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, LineOptions))
        {
            json.WriteStartObject();
            json.WriteStartObject("__metadata__");
            foreach ((string key, string value) in metadata)
                json.WriteString(key, value);
            json.WriteEndObject();
            json.WriteStartObject("embeddings");
            json.WriteString("dtype", "F32");
            json.WriteStartArray("shape");
            json.WriteNumberValue(count);
            json.WriteNumberValue(_width);
            json.WriteEndArray();
            json.WriteStartArray("data_offsets");
            json.WriteNumberValue(0);
            json.WriteNumberValue((long)count * _width * sizeof(float));
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndObject();
        }

        while (buffer.Length % 8 != 0)
            buffer.WriteByte((byte)' ');
        byte[] header = new byte[8 + buffer.Length];
        BinaryPrimitives.WriteInt64LittleEndian(header, buffer.Length);
        buffer.GetBuffer().AsSpan(0, (int)buffer.Length).CopyTo(header.AsSpan(8));
        return header;
    }
}
