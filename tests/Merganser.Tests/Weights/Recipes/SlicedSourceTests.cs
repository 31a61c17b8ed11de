using CsCheck;
using Merganser.Checkpoints;
using Merganser.Weights.Recipes;

namespace Merganser.Tests.Weights.Recipes;

public sealed class SlicedSourceTests
{
    [Fact]
    public void Any_range_of_a_part_is_that_of_the_part_cut_out()
    {
        Gen.Select(Gen.Int[1, 9], Gen.Int[1, 9], Gen.Int[0, 9], Gen.Int[0, 9], Gen.Int[0, 200], Gen.Int[0, 200]).Sample((rows, columns, less, fewer, start, count) =>
        {
            Matrix whole = new(rows, columns);
            int keptRows = Math.Max(1, rows - less), keptColumns = Math.Max(1, columns - fewer);
            SlicedSource part = new(whole, keptRows, keptColumns);
            byte[] expected = [.. Enumerable.Range(0, keptRows).SelectMany(row => whole.Bytes.AsSpan(row * columns * 2, keptColumns * 2).ToArray())];
            Assert.Equal(expected.Length, part.Info.ByteCount);
            int from = Math.Min(start, expected.Length), length = Math.Min(count, expected.Length - from);
            byte[] got = new byte[length];
            part.Read(from, got);
            return got.AsSpan().SequenceEqual(expected.AsSpan(from, length));
        });
    }

    [Fact]
    public void A_part_larger_than_the_whole_is_misuse() => Assert.Throws<ArgumentException>(() => new SlicedSource(new Matrix(2, 3), 3, 3));

    private sealed class Matrix(int rows, int columns) : TensorSource
    {
        public byte[] Bytes { get; } = [.. Enumerable.Range(0, rows * columns * 2).Select(i => (byte)i)];

        public override TensorInfo Info { get; } = new("m", DType.BF16, [rows, columns]);

        public override string Origin => "memory";

        public override void Read(long byteOffset, Span<byte> destination) => Bytes.AsSpan((int)byteOffset, destination.Length).CopyTo(destination);
    }
}
