using System.Text;
using Merganser.Weights.Recipes;

namespace Merganser.Tests.Weights.Recipes;

public sealed class RecipeFuzzTests
{
    private const int Count = 10_000;
    private static readonly string[] Scraps =
    [
        "&a ", "*a", "<<: ", "---\n", "...\n", "- ", "? ", ": ", "[", "]", "{", "}", "|\n", ">\n", "'", "\"", "\\", "%TAG ! x\n", "!!int ", "!<", "\t", "\0", "\u2028", "\uD800",
        "#", "~", "null", ".nan", "1e999", "-0", "0x10", "weight", "models:", "slices:", "\n\n", "\n      ", "@", "`", "+", "é", "😀",
    ];

    [Fact]
    public void Ten_thousand_damaged_recipes_are_read_planned_or_refused_in_one_line()
    {
        string[] recipes = [.. Directory.EnumerateFiles(Golden.Folder("weights"), "recipe.yml", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(File.ReadAllText)];
        Assert.NotEmpty(recipes);
        Random random = new(20261123);
        int planned = 0, refused = 0;
        for (int i = 0; i < Count; i++)
        {
            string text = Damage(recipes[random.Next(recipes.Length)], random);
            try
            {
                foreach (MergeRecipe recipe in RecipeReader.ReadAll(text, "recipe.yml", RecipeMethods.Options with { AllowUnknownKeys = i % 2 == 0 }).InOrder())
                {
                    // Planning opens the models, which costs more than reading: one in eight.
                    if (i % 8 == 0)
                        MergePlanner.Plan(recipe, RecipeFolders.Options).Dispose();
                }

                planned++;
            }
            catch (MerganserException e)
            {
                Assert.DoesNotContain('\n', e.Message);
                refused++;
            }
            catch (Exception e) when (e is not Xunit.Sdk.XunitException)
            {
                Assert.Fail($"case {i}: {e}\n{text}");
            }
        }

        Assert.Equal(Count, planned + refused);
        Assert.True(planned > 0 && refused > 0, $"{planned} read, {refused} refused: the mutations prove nothing");
    }

    private static string Damage(string recipe, Random random)
    {
        StringBuilder text = new(recipe);
        for (int times = random.Next(1, 6); times > 0 && text.Length > 0; times--)
        {
            int at = random.Next(text.Length);
            int length = Math.Min(random.Next(1, 20), text.Length - at);
            switch (random.Next(6))
            {
                case 0:
                    text.Remove(at, length);
                    break;
                case 1:
                    text.Insert(at, Scraps[random.Next(Scraps.Length)]);
                    break;
                case 2:
                    text.Insert(random.Next(text.Length), text.ToString(at, length));
                    break;
                case 3:
                    text[at] = (char)random.Next(1, 0x180);
                    break;
                case 4:
                    text.Replace("0.5", random.Next(2) == 0 ? "[0, [1]]" : "{filter: x}", at, length);
                    break;
                default:
                    string scrap = Scraps[random.Next(Scraps.Length)];
                    for (int i = random.Next(200); i > 0 && text.Length < 20_000; i--)
                        text.Insert(at, scrap);
                    break;
            }
        }

        return text.ToString();
    }
}
