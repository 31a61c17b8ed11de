using System.Buffers.Binary;

namespace Merganser.Neural.Models.Processing;

/// <summary>
/// Reads RIFF WAVE files: whole numbers of 8, 16, 24 and 32 bits, floating-point ones of 32 and 64, any number of channels to 64, with the
/// plain and the extensible header. A length of the data that a recorder left at 0 or at the greatest number means: to the end.
/// </summary>
internal static class WavFile
{
    private const long MaxBytes = 1L << 30;
    private const int MaxChannels = 64;
    private const int Pcm = 1, Float = 3, Extensible = 0xFFFE;

    public static Audio Read(string path)
    {
        try
        {
            if (new FileInfo(path) is { Exists: true, Length: > MaxBytes })
                throw new MerganserException($"{path}: is larger than 1 GiB; cut it into parts");
            return Decode(File.ReadAllBytes(path), path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MerganserException($"{path}: cannot be read: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    public static Audio Decode(ReadOnlySpan<byte> file, string name)
    {
        if (file.Length < 12 || !file.StartsWith("RIFF"u8) || !file[8..12].SequenceEqual("WAVE"u8))
            throw new MerganserException($"{name}: is no WAV file; other kinds of sound are to be converted first");
        Format? format = null;
        int place = 12;
        while (place + 8 <= file.Length)
        {
            ReadOnlySpan<byte> id = file.Slice(place, 4);
            uint size = BinaryPrimitives.ReadUInt32LittleEndian(file[(place + 4)..]);
            place += 8;
            int rest = file.Length - place;
            bool isData = id.SequenceEqual("data"u8), isOpen = isData && size is 0 or uint.MaxValue;
            if (size > rest && !isOpen)
                throw new MerganserException($"{name}: is cut off: a part of {size} bytes begins at byte {place}, but {rest} are left");
            int length = isOpen ? rest : (int)size;
            if (isData)
                return Samples(file.Slice(place, length), format ?? throw new MerganserException($"{name}: the sound comes before its format"), name);
            if (id.SequenceEqual("fmt "u8))
                format = ReadFormat(file.Slice(place, length), name);
            place += Math.Min(rest, length + (length & 1)); // Parts begin at even places.
        }

        throw new MerganserException($"{name}: holds no sound");
    }

    private static Format ReadFormat(ReadOnlySpan<byte> part, string name)
    {
        if (part.Length < 16)
            throw new MerganserException($"{name}: its format has {part.Length} bytes; at least 16 are needed");
        int kind = BinaryPrimitives.ReadUInt16LittleEndian(part), channels = BinaryPrimitives.ReadUInt16LittleEndian(part[2..]);
        uint rate = BinaryPrimitives.ReadUInt32LittleEndian(part[4..]);
        int frame = BinaryPrimitives.ReadUInt16LittleEndian(part[12..]), bits = BinaryPrimitives.ReadUInt16LittleEndian(part[14..]);
        if (kind == Extensible && part.Length >= 26)
            kind = BinaryPrimitives.ReadUInt16LittleEndian(part[24..]);
        bool known = (kind == Pcm && bits is 8 or 16 or 24 or 32) || (kind == Float && bits is 32 or 64);
        if (!known)
            throw new MerganserException($"{name}: holds sound of kind {kind} with {bits} bits; whole numbers of 8, 16, 24 or 32 and floating-point ones of 32 or 64 are read");
        if (channels is < 1 or > MaxChannels || rate is < 1 or > Audio.MaxRate || frame != channels * bits / 8)
            throw new MerganserException($"{name}: its format is not possible: {channels} channels, {rate} samples per second, {frame} bytes for {bits} bits of each channel");
        return new Format(kind, channels, (int)rate, bits);
    }

    private static Audio Samples(ReadOnlySpan<byte> data, Format format, string name)
    {
        int bytes = format.Bits / 8, frames = data.Length / (bytes * format.Channels);
        float[] result = new float[frames];
        int place = 0;
        for (int frame = 0; frame < frames; frame++)
        {
            double sum = 0;
            for (int channel = 0; channel < format.Channels; channel++, place += bytes)
                sum += Sample(data[place..], format);
            result[frame] = (float)(sum / format.Channels);
            if (!float.IsFinite(result[frame]))
                throw new MerganserException($"{name}: sample {frame} is not finite");
        }

        return new Audio(result, format.Rate);
    }

    private static double Sample(ReadOnlySpan<byte> data, Format format) => (format.Kind, format.Bits) switch
    {
        (Float, 32) => BinaryPrimitives.ReadSingleLittleEndian(data),
        (Float, _) => BinaryPrimitives.ReadDoubleLittleEndian(data),
        (_, 8) => (data[0] - 128) / 128.0,
        (_, 16) => BinaryPrimitives.ReadInt16LittleEndian(data) / 32768.0,
        (_, 24) => ((data[0] << 8) | (data[1] << 16) | (data[2] << 24)) / 2147483648.0,
        _ => BinaryPrimitives.ReadInt32LittleEndian(data) / 2147483648.0,
    };

    private readonly record struct Format(int Kind, int Channels, int Rate, int Bits);
}
