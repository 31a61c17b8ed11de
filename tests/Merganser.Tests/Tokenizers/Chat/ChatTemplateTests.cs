using System.Text.Json.Nodes;
using CsCheck;
using Merganser.Tokenizers.Chat;

namespace Merganser.Tests.Tokenizers.Chat;

/// <summary>A template comes from outside: it must not hang, reach the host, or fail without a line that says why.</summary>
public sealed class ChatTemplateTests
{
    private static string Render(string template) => ChatTemplate.Parse(template, "t").Render([new JsonObject { ["role"] = "user", ["content"] = "hi" }]);

    [Theory]
    [InlineData("{% for i in range(1000000000) %}x{% endfor %}")]
    [InlineData("{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}")]
    [InlineData("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}")]
    [InlineData("{% set ns = namespace(s='xxxxxxxxxxxxxxxx') %}{% for i in range(64) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}")]
    [InlineData("{{ 'x' * 1000000000000 }}")]
    [InlineData("{% set ns = namespace(l=[1]) %}{% for i in range(64) %}{% set ns.l = ns.l + ns.l %}{% endfor %}")]
    [InlineData("{% set ns = namespace(l=[]) %}{% for i in range(100) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l }}")]
    [InlineData("{% set ns = namespace(l=[]) %}{% for i in range(40) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}")]
    public void A_hostile_template_is_stopped(string template) => Assert.Throws<MerganserException>(() => Render(template));

    [Theory]
    [InlineData("{% if true %}x", "endif")]
    [InlineData("x\n{{ 1 + }}", "line 2")]
    [InlineData("{{ 'a' | nosuchfilter }}", "nosuchfilter")]
    [InlineData("{% include 'x' %}", "include")]
    [InlineData("{{ nothing() }}", "nothing")]
    [InlineData("{{ 'a", "closed")]
    [InlineData("{% endif %}", "endif")]
    [InlineData("{{ raise_exception('roles must alternate') }}", "roles must alternate")]
    public void An_error_says_where_and_why(string template, string part)
    {
        string message = Assert.Throws<MerganserException>(() => Render(template)).Message;
        Assert.Contains(part, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Theory]
    [InlineData("{{ messages.__class__ }}")]
    [InlineData("{{ ''.GetType() }}")]
    [InlineData("{{ messages.Clear() }}")]
    public void Nothing_of_the_host_can_be_reached(string template)
    {
        try
        {
            Assert.Equal("", Render(template));
        }
        catch (MerganserException)
        {
            // refused as well
        }
    }

    [Fact]
    public void Nested_brackets_do_not_overflow_the_stack()
    {
        foreach (string open in new[] { "(", "[", "not ", "-", "{1:" })
            Assert.Throws<MerganserException>(() => Render("{{ " + string.Concat(Enumerable.Repeat(open, 100_000)) + "1 }}"));
        Assert.Throws<MerganserException>(() => Render(string.Concat(Enumerable.Repeat("{% if true %}", 10_000))));
    }

    [Fact]
    public void Mutated_templates_end_with_text_or_a_typed_error()
    {
        string[] seeds = [.. JsonNode.Parse(File.ReadAllText(Golden.Folder("chat", "jinja-cases.json")))!["cases"]!.AsArray().Select(row => row!["template"]!.GetValue<string>())];
        Gen.Select(Gen.Int[0, seeds.Length - 1], Gen.Int[0, 10_000], Gen.Int[0, 4], Gen.Char).Sample(
            (seed, place, kind, character) =>
            {
                string text = seeds[seed];
                int at = place % text.Length;
                string mutated = kind switch
                {
                    0 => text.Remove(at, 1),
                    1 => text.Insert(at, character.ToString()),
                    2 => text[..at],
                    3 => text[at..],
                    _ => text.Insert(at, text[..at]),
                };
                try
                {
                    Render(mutated);
                }
                catch (MerganserException)
                {
                    // a typed error is what is wanted
                }
            },
            iter: 3_000);
    }
}
