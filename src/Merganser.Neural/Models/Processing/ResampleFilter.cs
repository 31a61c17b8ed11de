namespace Merganser.Neural.Models.Processing;

/// <summary>How pixels are weighted when a picture changes its size; the numbers are those of published preprocessor files.</summary>
public enum ResampleFilter
{
    /// <summary>The nearest pixel.</summary>
    Nearest = 0,

    /// <summary>A windowed sinc of three pixels a side.</summary>
    Lanczos = 1,

    /// <summary>A triangle of one pixel a side.</summary>
    Bilinear = 2,

    /// <summary>Cubic pieces with the parameter −½, two pixels a side.</summary>
    Bicubic = 3,

    /// <summary>The mean of the pixels that are covered.</summary>
    Box = 4,

    /// <summary>A Hamming-windowed sinc of one pixel a side.</summary>
    Hamming = 5,
}
