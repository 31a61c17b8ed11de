namespace Merganser.Tokenizers;

/// <summary>What a trainer makes: a model, and the special tokens, which are in its vocabulary, as added tokens.</summary>
/// <param name="Model">The model.</param>
/// <param name="AddedTokens">The special tokens with their ids.</param>
public readonly record struct TrainedTokenizer(TokenizerModel Model, IReadOnlyList<AddedToken> AddedTokens);
