using System.Buffers.Binary;
using System.Text.Json.Nodes;
using CsCheck;
using Merganser.Neural.Models;
using Merganser.Neural.Models.Processing;

namespace Merganser.Neural.Tests.Processing;

/// <summary>WAV files, other rates, and what is refused.</summary>
public sealed class AudioTests
{
    [Theory]
    [InlineData(1, 8, 1.0 / 128)]
    [InlineData(1, 16, 1.0 / 32768)]
    [InlineData(1, 24, 1.0 / (1 << 23))]
    [InlineData(1, 32, 1e-7)]
    [InlineData(3, 32, 1e-7)]
    [InlineData(3, 64, 1e-7)]
    public void Every_kind_of_sample_is_read_and_channels_are_averaged(int kind, int bits, double step)
    {
        float[] left = [0, 0.5f, -1, 0.25f], right = [0.5f, 0.5f, 0, -0.75f];
        float[] both = [.. left.Zip(right).SelectMany(pair => (float[])[pair.First, pair.Second])];
        foreach (bool extensible in (bool[])[false, true])
        {
            Audio audio = WavFile.Decode(Wav(kind, bits, 2, 8000, both, extensible), "x");
            Assert.Equal(8000, audio.Rate);
            Assert.Equal([.. left.Zip(right, (a, b) => (a + b) / 2)], audio.Samples, (a, b) => Math.Abs(a - b) <= step);
        }
    }

    [Fact]
    public void Other_parts_are_passed_over_and_an_open_length_goes_to_the_end()
    {
        byte[] wav = Wav(1, 16, 1, 16000, [0.5f, -0.5f], extensible: false);
        byte[] other = [.. wav.AsSpan(0, 12), (byte)'L', (byte)'I', (byte)'S', (byte)'T', 3, 0, 0, 0, 1, 2, 3, 0, .. wav.AsSpan(12)];
        Assert.Equal([0.5f, -0.5f], WavFile.Decode(other, "x").Samples);
        BinaryPrimitives.WriteUInt32LittleEndian(wav.AsSpan(40), uint.MaxValue);
        Assert.Equal([0.5f, -0.5f], WavFile.Decode(wav, "x").Samples);
    }

    [Fact]
    public void What_is_no_sound_is_told_in_one_line()
    {
        byte[] good = Wav(1, 16, 1, 16000, [0.5f, -0.5f], extensible: false), alien = [.. good], rate = [.. good], infinite = Wav(3, 32, 1, 16000, [float.NaN], extensible: false);
        alien[20] = 85;
        BinaryPrimitives.WriteInt32LittleEndian(rate.AsSpan(24), -1);
        (byte[] Bytes, string Expected)[] all =
        [
            ([], "no WAV"), ("This is a text, not a sound."u8.ToArray(), "no WAV"), (good[..36], "no sound"), (good[..46], "cut off"), (alien, "kind 85"), (rate, "not possible"), (infinite, "not finite"),
            ([.. good.AsSpan(0, 12), .. good.AsSpan(36)], "before its format"),
        ];
        foreach ((byte[] bytes, string expected) in all)
        {
            MerganserException error = Assert.Throws<MerganserException>(() => WavFile.Decode(bytes, "x"));
            Assert.StartsWith("x: ", error.Message, StringComparison.Ordinal);
            Assert.Contains(expected, error.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', error.Message);
        }

        Assert.Contains("cannot be read", Assert.Throws<MerganserException>(() => Audio.Read("/nowhere/x.wav")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_files_give_a_sound_or_a_message_and_nothing_else()
    {
        byte[] good = Wav(1, 16, 2, 16000, [0.5f, -0.5f, 0.1f, 0.2f], extensible: true);
        Gen.Select(Gen.Int[0, good.Length - 1], Gen.Byte, Gen.Int[1, good.Length]).Sample((place, value, length) =>
        {
            byte[] bytes = good[..length];
            bytes[place % length] = value;
            try
            {
                Assert.True(WavFile.Decode(bytes, "x").Samples.Length <= bytes.Length);
            }
            catch (MerganserException e)
            {
                Assert.StartsWith("x: ", e.Message, StringComparison.Ordinal);
            }
        }, iter: 2000);
    }

    [Theory]
    [InlineData(44100, 16000, 440)]
    [InlineData(8000, 16000, 440)]
    [InlineData(48000, 16000, 3000)]
    [InlineData(11025, 16000, 1000)]
    public void Another_rate_keeps_a_tone_and_removes_what_it_cannot_hold(int from, int to, double frequency)
    {
        Audio tone = Tone(from, frequency), result = tone.Resample(to);
        Assert.Equal((to, (int)Math.Ceiling((double)tone.Samples.Length * to / from)), (result.Rate, result.Samples.Length));
        float[] expected = Tone(to, frequency).Samples;
        for (int i = 200; i < result.Samples.Length - 200; i++)
            Assert.Equal(expected[i], result.Samples[i], 5e-3);
        if (from > to)
            Assert.All(Tone(from, 0.65 * to).Resample(to).Samples[200..^200], sample => Assert.True(Math.Abs(sample) < 0.05));
    }

    [Theory]
    [InlineData("""{"feature_extractor_type": "ClapFeatureExtractor"}""", "feature_extractor_type")]
    [InlineData("""{"dither": 0.1}""", "dither")]
    [InlineData("""{"hop_length": 0}""", "hop_length")]
    [InlineData("""{"n_fft": 1000000}""", "n_fft")]
    [InlineData("""{"feature_size": 100000}""", "feature_size")]
    [InlineData("""{"chunk_length": 100000000}""", "chunk_length")]
    [InlineData("""{"sampling_rate": 1000000}""", "sampling_rate")]
    public void A_wrong_value_of_a_processor_is_named(string json, string key)
    {
        MerganserException error = Assert.Throws<MerganserException>(() => AudioProcessor.Of(new ModelConfig(JsonNode.Parse(json)!.AsObject(), "preprocessor_config.json")));
        Assert.Contains($"preprocessor_config.json: '{key}'", error.Message, StringComparison.Ordinal);
    }

    private static Audio Tone(int rate, double frequency) => new([.. Enumerable.Range(0, rate / 5).Select(i => (float)(0.8 * Math.Sin(2 * Math.PI * frequency * i / rate)))], rate);

    private static byte[] Wav(int kind, int bits, int channels, int rate, float[] samples, bool extensible)
    {
        using var buffer = new MemoryStream();
        using var writer = new BinaryWriter(buffer);
        int size = extensible ? 40 : 16, bytes = samples.Length * bits / 8;
        writer.Write("RIFF"u8);
        writer.Write(4 + 8 + size + 8 + bytes);
        writer.Write("WAVEfmt "u8);
        writer.Write(size);
        writer.Write((ushort)(extensible ? 0xFFFE : kind));
        writer.Write((ushort)channels);
        writer.Write(rate);
        writer.Write(rate * channels * bits / 8);
        writer.Write((ushort)(channels * bits / 8));
        writer.Write((ushort)bits);
        if (extensible)
        {
            writer.Write((ushort)22);
            writer.Write((ushort)bits);
            writer.Write(3);
            writer.Write((ushort)kind);
            writer.Write(new byte[14]);
        }

        writer.Write("data"u8);
        writer.Write(bytes);
        foreach (float sample in samples)
        {
            switch (kind, bits)
            {
                case (3, 32):
                    writer.Write(sample);
                    break;
                case (3, _):
                    writer.Write((double)sample);
                    break;
                case (_, 8):
                    writer.Write((byte)Math.Min(255, 128 + (sample * 128)));
                    break;
                default:
                    long value = Math.Min((1L << (bits - 1)) - 1, (long)(sample * (1L << (bits - 1))));
                    for (int shift = 0; shift < bits; shift += 8)
                        writer.Write((byte)(value >> shift));
                    break;
            }
        }

        return buffer.ToArray();
    }
}
