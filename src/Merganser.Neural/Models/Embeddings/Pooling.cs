namespace Merganser.Neural.Models.Embeddings;

/// <summary>How the tokens of a text, or the patches of a picture, become one vector.</summary>
public enum Pooling
{
    /// <summary>The first token (pictures: the class token).</summary>
    Cls,

    /// <summary>The largest value of each dimension.</summary>
    Max,

    /// <summary>The mean of all tokens (pictures: of the patches).</summary>
    Mean,

    /// <summary>The sum of all tokens over the root of their number.</summary>
    MeanSqrt,

    /// <summary>The mean with the weights 1, 2, 3, …</summary>
    WeightedMean,

    /// <summary>The last token.</summary>
    Last,

    /// <summary>What the architecture pools itself: BERT's and ViT's pooler, SigLIP's attention, CLIP's projection into the space shared by texts and pictures.</summary>
    Pooler,
}
