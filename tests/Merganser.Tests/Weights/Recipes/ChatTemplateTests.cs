using System.Text.Json.Nodes;
using Merganser.Weights;

namespace Merganser.Tests.Weights.Recipes;

public sealed class ChatTemplateTests : IDisposable
{
    private const string Models = "merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: a}, {model: b}, {model: c}]\n";
    private readonly SmallModels _models = new();

    public ChatTemplateTests()
    {
        foreach (string name in new[] { "a", "b", "c" })
        {
            _models.Add(name);
            _models.Write(name, "tokenizer_config.json", """{"bos_token": "<s>", "x": 1.50}""");
        }
    }

    [Fact]
    public void Auto_takes_the_most_frequent_template()
    {
        _models.Write("a", "chat_template.jinja", "{{ first }}");
        _models.Write("b", "tokenizer_config.json", """{"chat_template": " {{ other }}\n"}""");
        _models.Write("c", "tokenizer_config.json", """{"chat_template": [{"name": "rag", "template": "no"}, {"name": "default", "template": "{{ other }}"}]}""");
        using MergePlan plan = _models.Plan(Models + "chat_template: auto\n");
        Assert.Equal("{{ other }}", plan.WrittenFiles["chat_template.jinja"]);
        Assert.DoesNotContain("chat_template.jinja", plan.CopiedFiles.Values);
        Assert.Contains("tokenizer_config.json", plan.CopiedFiles.Values);
    }

    [Fact]
    public void Of_equally_frequent_templates_the_first_counts()
    {
        _models.Write("b", "chat_template.jinja", "{{ b }}");
        _models.Write("c", "chat_template.jinja", "{{ c }}");
        using MergePlan plan = _models.Plan(Models + "chat_template: auto\n");
        Assert.Equal("{{ b }}", (string?)JsonNode.Parse(plan.WrittenFiles["tokenizer_config.json"])!["chat_template"]);
    }

    [Theory]
    [InlineData("alpaca", "### Instruction:")]
    [InlineData("chatml", "<|im_start|>")]
    [InlineData("exaone", "[|endofturn|]")]
    [InlineData("llama3", "<|eot_id|>")]
    [InlineData("mistral", "[INST]")]
    [InlineData("'{% for m in messages %}{{ m.content }}{% endfor %}'", "m.content")]
    public void A_name_or_a_template_changes_only_that_entry(string template, string mark)
    {
        using MergePlan plan = _models.Plan(Models + $"chat_template: {template}\n");
        string text = plan.WrittenFiles["tokenizer_config.json"];
        Assert.StartsWith("""{"bos_token": "<s>", "x": 1.50""", text, StringComparison.Ordinal);
        Assert.Contains(mark, (string?)JsonNode.Parse(text)!["chat_template"], StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_neither_a_name_nor_a_template_is_refused() =>
        Assert.StartsWith("recipe.yml:4:16: chat_template 'chatlm' is neither", _models.Fails(Models + "chat_template: chatlm\n"), StringComparison.Ordinal);

    [Fact]
    public void A_template_needs_a_tokenizer()
    {
        _models.Add("bare");
        Assert.Contains("needs a tokenizer", _models.Fails("merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: bare}]\nchat_template: chatml\n"), StringComparison.Ordinal);
    }

    public void Dispose() => _models.Dispose();
}
