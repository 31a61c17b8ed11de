using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>Checks token ids before a table is read with them: a wrong id there ends in a message of the native library.</summary>
internal static class TokenIds
{
    /// <summary>int64 [B, T], at least one token, ids below <paramref name="count"/>, at most <paramref name="longest"/> tokens.</summary>
    /// <exception cref="ArgumentException">A wrong shape.</exception>
    /// <exception cref="MerganserException">Too many tokens, or an id that the table does not have.</exception>
    public static void Check(Tensor ids, long count, long? longest, string what)
    {
        if (ids.dim() != 2 || ids.shape[1] == 0)
            throw new ArgumentException($"{what} are [batch, tokens] with at least one token, not [{string.Join(", ", ids.shape)}]", nameof(ids));
        if (longest is { } most && ids.shape[1] > most)
            throw new MerganserException($"{ids.shape[1]} tokens are too many for this model, which takes at most {most}; shorten the text or cut it into pieces");
        if (ids.shape[0] == 0)
            return;
        using Tensor highest = ids.max(), lowest = ids.min();
        long high = highest.item<long>(), low = lowest.item<long>();
        if (low < 0 || high >= count)
            throw new MerganserException($"{what}: {(low < 0 ? low : high)} is not one of the {count} ids of this model; was the text encoded with another tokenizer?");
    }
}
