using Merganser.Neural.Decoding;
using Merganser.Tests;

namespace Merganser.Neural.Tests.Decoding;

/// <summary>Generation with the small byte model that the project ships.</summary>
public sealed class GeneratorTests : IDisposable
{
    private static readonly string Folder = Path.Combine(Golden.Repository, "models", "bytellama-140k", "ft-stories");
    private readonly TextGenerator _text = TextGenerator.Load(Folder);

    private Generator Generator => new(_text.Model);

    public void Dispose() => _text.Dispose();

    [Fact]
    public void A_batch_of_prompts_of_different_lengths_gets_what_each_gets_alone()
    {
        int[][] prompts = [.. new[] { "Once upon a time", "The", "Lily and Tom went to" }.Select(text => _text.Tokenizer.EncodeToIds(text))];
        var options = new GenerationOptions { MaxNewTokens = 24 };
        int[][] together = Generator.Generate(prompts, options);
        for (int row = 0; row < prompts.Length; row++)
            Assert.Equal(Generator.Stream(prompts[row], options), together[row]);
    }

    [Fact]
    public void The_same_seed_draws_the_same_tokens_and_another_seed_others()
    {
        int[] prompt = _text.Tokenizer.EncodeToIds("Once");
        GenerationOptions options = new() { MaxNewTokens = 40, Temperature = 1, Seed = 5 };
        int[] first = [.. Generator.Stream(prompt, options)];
        Assert.Equal(first, Generator.Stream(prompt, options));
        Assert.NotEqual(first, Generator.Stream(prompt, options with { Seed = 6 }));
    }

    [Fact]
    public void A_stop_text_ends_the_output_and_is_not_part_of_it()
    {
        string whole = _text.Generate("Once upon a time", new GenerationOptions { MaxNewTokens = 60 });
        string stop = whole.Substring(10, 3);
        string cut = _text.Generate("Once upon a time", new GenerationOptions { MaxNewTokens = 60, StopTexts = [stop, "never there"] });
        Assert.Equal(whole[..whole.IndexOf(stop, StringComparison.Ordinal)], cut);
    }

    [Fact]
    public void Pieces_join_to_the_whole_text()
    {
        var options = new GenerationOptions { MaxNewTokens = 50, Temperature = 1.5, Seed = 3, StopTexts = ["zzzz"] };
        Assert.Equal(_text.Generate("A", options), string.Concat(_text.Stream("A", options)));
    }

    [Fact]
    public void A_prompt_that_fills_the_context_is_refused()
    {
        int[] prompt = [.. Enumerable.Repeat(70, _text.Model.MaxPositions)];
        MerganserException error = Assert.Throws<MerganserException>(() => Generator.Stream(prompt, new GenerationOptions()));
        Assert.Contains("512", error.Message, StringComparison.Ordinal);
        Assert.Throws<MerganserException>(() => Generator.Stream([], new GenerationOptions()));
        Assert.Throws<MerganserException>(() => Generator.Stream([259], new GenerationOptions()));
    }

    [Fact]
    public void Perplexity_does_not_depend_on_how_the_text_is_cut_when_the_window_holds_it_all()
    {
        const string Text = "Once upon a time there was a little dog.";
        Perplexity whole = Perplexity.Measure(_text.Model, _text.Tokenizer, Text, 512, 512);
        Perplexity single = Perplexity.Measure(_text.Model, _text.Tokenizer, Text, Text.Length, 1);
        Assert.Equal(whole.NegativeLogLikelihood, single.NegativeLogLikelihood, 1e-3);
        Assert.Equal(Text.Length - 1, whole.Tokens);
        Perplexity cut = Perplexity.Measure(_text.Model, _text.Tokenizer, Text, 8, 8);
        Assert.Equal(Text.Length - 1, cut.Tokens);
        Assert.True(cut.NegativeLogLikelihood > whole.NegativeLogLikelihood);
    }
}
