namespace Merganser.Tokenizers;

/// <summary>What the fused encoders of one configuration share: tables made once, never changed. Recognises configurations.</summary>
internal abstract class FusedPlan
{
    /// <summary>Makes an encoder for one thread.</summary>
    public abstract FusedEncoder CreateEncoder();

    /// <summary>Makes the plan of a configuration; null when it has no fused form.</summary>
    public static FusedPlan? TryCreate(Normalizer? normalizer, PreTokenizer? preTokenizer, TokenizerModel model) => model switch
    {
        { Vocabulary.IdLimit: > WordCache.IdLimit } => null,
        BpeModel bpe => ByteLevelPlan.TryCreate(normalizer, preTokenizer, bpe) ?? (FusedPlan?)PipelinePlan.TryCreate(normalizer, preTokenizer, model),
        _ => PipelinePlan.TryCreate(normalizer, preTokenizer, model),
    };
}
