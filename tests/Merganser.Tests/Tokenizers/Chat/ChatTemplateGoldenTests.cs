using System.Text.Json.Nodes;
using Merganser.Tokenizers.Chat;

namespace Merganser.Tests.Tokenizers.Chat;

/// <summary>Templates rendered by the reference engine.</summary>
public sealed class ChatTemplateGoldenTests
{
    private static readonly DateTime Now = new(2026, 3, 5, 14, 7, 9, DateTimeKind.Unspecified);

    public static TheoryData<string, int> Cases
    {
        get
        {
            var cases = new TheoryData<string, int>();
            foreach (string file in Directory.EnumerateFiles(Golden.Folder("chat"), "*.json").Order(StringComparer.Ordinal))
            {
                for (int i = 0; i < Read(file).Count; i++)
                    cases.Add(Path.GetFileName(file), i);
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_template_gives_the_reference_text(string file, int index)
    {
        JsonNode row = Read(Golden.Folder("chat", file))[index]!;
        string template = row["template"]!.GetValue<string>();
        string Render() => ChatTemplate.Parse(template).Render(row["messages"]!.AsArray(), row["add_generation_prompt"]!.GetValue<bool>(), row["variables"]!.AsObject(), Now);
        if (row["expected"] is { } expected)
            Assert.Equal(expected.GetValue<string>(), Render());
        else
            Assert.Throws<MerganserException>(Render);
    }

    private static JsonArray Read(string path) => JsonNode.Parse(File.ReadAllText(path))!["cases"]!.AsArray();
}
