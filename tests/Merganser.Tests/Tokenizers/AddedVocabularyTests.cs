using Merganser.Tokenizers;

namespace Merganser.Tests.Tokenizers;

/// <summary>Which ids of added tokens are taken as they are stored.</summary>
public sealed class AddedVocabularyTests
{
    private static readonly string[] InOrder = ["a", "b", "c"];

    [Theory]
    [InlineData("a:0 x:3 y:4")]
    [InlineData("y:4 x:3")] // out of order, without a gap
    [InlineData("z:5 a:0 x:3 y:4")]
    [InlineData("x:3 x:3")]
    public void Ids_that_leave_no_gap_are_taken_as_stored(string stored)
    {
        AddedToken[] tokens = Parse(stored);
        AddedVocabulary loaded = AddedVocabulary.Load(tokens, Vocabulary(0, InOrder));
        foreach (AddedToken token in tokens)
            Assert.True(loaded.TryGet(token.Content, out AddedToken found) && found.Id == token.Id);
    }

    [Fact]
    public void Ids_that_a_vocabulary_leaves_free_may_be_filled()
    {
        AddedVocabulary loaded = AddedVocabulary.Load(Parse("x:0 y:1 z:5"), Vocabulary(2, InOrder));
        Assert.Equal([0, 1, 5], loaded.Tokens.Select(token => token.Id));
    }

    [Theory]
    [InlineData("x:4", "'x'")] // a gap
    [InlineData("y:5 x:3", "'y'")]
    [InlineData("a:3", "'a'")] // the vocabulary has it under another id
    [InlineData("y:4 x:3 a:5", "'y'")]
    [InlineData("x:1", "'x'")] // the id of b
    [InlineData("x:4 y:4", "'x'")] // one id twice
    [InlineData("x:4 x:3", "'x'")] // two ids for one content
    public void Ids_that_do_are_refused_by_name(string stored, string named)
    {
        MerganserException error = Assert.Throws<MerganserException>(() => AddedVocabulary.Load(Parse(stored), Vocabulary(0, InOrder)));
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_with_its_tokens_out_of_order_encodes_to_the_stored_ids_and_survives_saving()
    {
        const string Json = """{"model":{"type":"WordLevel","vocab":{"a":0,"<unk>":1},"unk_token":"<unk>"},"added_tokens":[{"id":3,"content":"<y>"},{"id":2,"content":"<x>","special":true}]}""";
        Tokenizer tokenizer = Tokenizer.LoadJson(System.Text.Encoding.UTF8.GetBytes(Json));
        Assert.Equal([2, 0, 3], tokenizer.EncodeToIds("<x>a<y>"));
        using var saved = new MemoryStream();
        tokenizer.Save(saved);
        Assert.Equal([2, 0, 3], Tokenizer.LoadJson(saved.ToArray()).EncodeToIds("<x>a<y>"));
    }

    private static Vocabulary Vocabulary(int first, string[] tokens)
    {
        var builder = new Vocabulary.Builder();
        for (int i = 0; i < tokens.Length; i++)
            builder.Add(tokens[i], first + i);
        return builder.Build();
    }

    private static AddedToken[] Parse(string stored) =>
        [.. stored.Split(' ').Select(token => token.Split(':')).Select(parts => new AddedToken(int.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture), parts[0]))];
}
