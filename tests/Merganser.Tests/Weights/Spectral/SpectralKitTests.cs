using Merganser.Weights.Spectral;

namespace Merganser.Tests.Weights.Spectral;

public sealed class SpectralKitTests
{
    public static TheoryData<int, int> Shapes => new()
    {
        { 1, 1 }, { 1, 7 }, { 5, 1 }, { 6, 8 }, { 13, 9 }, { 8, 17 }, { 33, 33 }, { 64, 40 }, { 65, 130 }, { 100, 100 }, { 150, 70 }, { 257, 300 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void A_product_equals_the_sum_of_products(int rows, int columns)
    {
        float[] left = Random(rows * 37, 1), right = Random(37 * columns, 2);
        var a = new Matrix(rows, 37);
        var b = new Matrix(columns, 37);
        for (int i = 0; i < left.Length; i++)
            a.Data[i] = left[i];
        for (int i = 0; i < right.Length; i++)
            b.Data[i] = right[i];
        var c = new Matrix(rows, columns);
        Gemm.Multiply(a.View, b.Transposed, c.View, 2);
        Gemm.Multiply(a.View, b.Transposed, c.View, 1, 0.5, accumulate: true);
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j < columns; j++)
            {
                double sum = 0;
                for (int k = 0; k < 37; k++)
                    sum += a[i, k] * b[j, k];
                Assert.Equal(1.5 * sum, c[i, j], 1e-12);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Random_matrices_are_taken_apart_and_put_together(int rows, int columns) => CheckSvd(Random(rows * columns, 3), rows, columns);

    [Fact]
    public void A_matrix_of_zeros_has_only_zero_singular_values() => CheckSvd(new float[12 * 50], 12, 50);

    [Fact]
    public void Repeated_singular_values_are_no_trouble()
    {
        float[] identity = new float[80 * 80];
        for (int i = 0; i < 80; i++)
            identity[(i * 80) + i] = i < 40 ? 2 : -1;
        CheckSvd(identity, 80, 80);
    }

    [Fact]
    public void A_matrix_of_low_rank_keeps_orthogonal_vectors_down_to_its_rounding_noise()
    {
        float[] left = Random(90 * 5, 4), right = Random(5 * 120, 5);
        float[] product = new float[90 * 120];
        for (int i = 0; i < 90; i++)
        {
            for (int j = 0; j < 120; j++)
            {
                for (int k = 0; k < 5; k++)
                    product[(i * 120) + j] += left[(i * 5) + k] * right[(k * 120) + j] * MathF.Pow(10, -k);
            }
        }

        CheckSvd(product, 90, 120);
    }

    [Fact]
    public void Graded_columns_keep_relative_accuracy()
    {
        float[] graded = Random(60 * 40, 6);
        for (int i = 0; i < graded.Length; i++)
            graded[i] *= MathF.Pow(10, -(i % 40) / 5f);
        CheckSvd(graded, 60, 40);
    }

    [Fact]
    public void Singular_values_equal_those_of_one_sided_rotations()
    {
        float[] matrix = Random(70 * 50, 7);
        ThinSvd svd = SpectralKit.Svd(matrix, 70, 50);
        double[] expected = JacobiOracle.SingularValues(matrix, 70, 50);
        for (int i = 0; i < 50; i++)
            Assert.Equal(expected[i], svd.S[i], 1e-11 * expected[0]);
    }

    [Fact]
    public void Results_do_not_depend_on_the_number_of_threads()
    {
        float[] matrix = Random(300 * 420, 8);
        ThinSvd one = SpectralKit.Svd(matrix, 300, 420, threads: 1);
        ThinSvd three = SpectralKit.Svd(matrix, 300, 420, threads: 3);
        Assert.Equal(one.S, three.S);
        Assert.Equal(one.U.Data, three.U.Data);
        Assert.Equal(one.V.Data, three.V.Data);
        Assert.Equal(SpectralKit.RandomizedSvd(matrix, 300, 420, 9, 5, 1).U.Data, SpectralKit.RandomizedSvd(matrix, 300, 420, 9, 5, 2).U.Data);
    }

    [Fact]
    public void A_random_projection_finds_the_leading_triplets_of_a_falling_spectrum()
    {
        float[] matrix = Random(200 * 150, 9);
        ThinSvd full = SpectralKit.Svd(matrix, 200, 150);
        for (int i = 0; i < full.Rank; i++)
            full.S[i] = Math.Pow(0.8, i);
        float[] falling = [.. full.Product(1).Data.Select(value => (float)value)];
        ThinSvd sampled = SpectralKit.RandomizedSvd(falling, 200, 150, 12, 1);
        ThinSvd exact = SpectralKit.Svd(falling, 200, 150, 12);
        Assert.Equal(12, sampled.Rank);
        for (int i = 0; i < 12; i++)
            Assert.Equal(exact.S[i], sampled.S[i], 1e-5 * exact.S[0]);
        Assert.All(exact.Product(1).Data.Zip(sampled.Product(1).Data), pair => Assert.Equal(pair.First, pair.Second, 1e-3));
    }

    [Fact]
    public void The_polar_factor_has_orthonormal_columns_and_leaves_a_symmetric_positive_rest()
    {
        var matrix = new Matrix(60, 45);
        GaussianNoise.Fill(matrix.Data, 11);
        Matrix polar = SpectralKit.Polar(matrix, out int dropped);
        Assert.Equal(0, dropped);
        AssertOrthonormal(polar, 45, 1e-10);
        var rest = new Matrix(45, 45);
        Gemm.Multiply(polar.Transposed, matrix.View, rest.View, 1);
        for (int i = 0; i < 45; i++)
        {
            Assert.True(rest[i, i] > 0);
            for (int j = 0; j < i; j++)
                Assert.Equal(rest[i, j], rest[j, i], 1e-10);
        }
    }

    [Fact]
    public void The_leading_triplets_alone_are_those_of_the_full_decomposition()
    {
        float[] matrix = Random(90 * 60, 12);
        ThinSvd full = SpectralKit.Svd(matrix, 90, 60).Truncate(7);
        ThinSvd part = SpectralKit.Svd(matrix, 90, 60, 7);
        Assert.All(full.S.Zip(part.S), pair => Assert.Equal(pair.First, pair.Second, 1e-11));
        Assert.All(full.Product(1).Data.Zip(part.Product(1).Data), pair => Assert.Equal(pair.First, pair.Second, 1e-9));
    }

    [Fact]
    public void Values_that_are_not_finite_are_refused() => Assert.Throws<ArgumentException>(() => SpectralKit.Svd([1, float.NaN, 2, 3], 2, 2));

    internal static float[] Random(int count, ulong seed)
    {
        double[] values = new double[count];
        GaussianNoise.Fill(values, seed);
        return [.. values.Select(value => (float)value)];
    }

    private static void CheckSvd(float[] matrix, int rows, int columns)
    {
        ThinSvd svd = SpectralKit.Svd(matrix, rows, columns);
        Assert.Equal(Math.Min(rows, columns), svd.Rank);
        int rank = svd.S.Count(value => value > 0);
        Assert.Equal(svd.S.OrderByDescending(value => value), svd.S);
        AssertOrthonormal(svd.U, rank, 1e-7);
        AssertOrthonormal(svd.V, rank, 1e-7);
        double[] product = svd.Product(1).Data;
        for (int i = 0; i < matrix.Length; i++)
            Assert.Equal(matrix[i], product[i], 1e-10 * Math.Max(1e-300, svd.S[0]));
    }

    private static void AssertOrthonormal(Matrix matrix, int columns, double tolerance)
    {
        for (int i = 0; i < columns; i++)
        {
            for (int j = 0; j <= i; j++)
            {
                double sum = 0;
                for (int row = 0; row < matrix.Rows; row++)
                    sum += matrix[row, i] * matrix[row, j];
                Assert.Equal(i == j ? 1 : 0, sum, tolerance);
            }
        }
    }
}
