using Merganser.Weights.Recipes;

namespace Merganser.Tests.Weights.Recipes;

public sealed class RecipeSetTests
{
    private const string Last = "merge_method: linear\nmodels: [{model: two}]\nparameters: {weight: 1}\n";
    private const string Two = "name: two\nmerge_method: linear\nmodels: [{model: one}]\nparameters: {weight: 1}\n";
    private const string One = "name: one\nmerge_method: linear\nmodels: [{model: ./x}]\nparameters: {weight: 1}\n";

    [Fact]
    public void Documents_come_after_those_that_they_use()
    {
        RecipeSet set = Read(Last, Two, One);
        Assert.Equal(["one", "two", null], set.InOrder().Select(recipe => recipe.Name));
        IReadOnlyList<RecipeStep> steps = set.Steps("tmp", "out");
        Assert.Equal(["tmp/one", "tmp/two", "out"], steps.Select(step => step.Folder.Replace('\\', '/')));
        Assert.Equal(Path.GetFullPath(Path.Combine("tmp", "two")), steps[2].Recipe.Models[0].Model.Path);
        Assert.Equal("./x", steps[0].Recipe.Models[0].Model.Path);
        Assert.All(steps, step => Assert.False(step.IsDone));
    }

    [Fact]
    public void A_circle_is_named()
    {
        RecipeSet set = Read("name: one\nmerge_method: linear\nmodels: [{model: two}]\n", Two, "name: alone\nmerge_method: linear\nmodels: [{model: two}]\n");
        Assert.Contains("in a circle: 'two' needs 'one'", Assert.Throws<MerganserException>(set.InOrder).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("name: ../up", "cannot be the name of a folder")]
    [InlineData("name: two", "a second document is named 'two'")]
    [InlineData("chat_template: auto", "a second document without 'name'")]
    public void Names_must_be_different_and_fit_for_folders(string line, string message) =>
        Assert.Contains(message, Assert.Throws<MerganserException>(() => Read(Last, Two, line + "\nmerge_method: linear\nmodels: [{model: x}]\n")).Message, StringComparison.Ordinal);

    [Fact]
    public void A_document_without_a_name_needs_an_output_folder() =>
        Assert.Throws<MerganserException>(() => Read(Last, Two, One).Steps("tmp", null));

    [Fact]
    public void A_finished_step_is_skipped_until_its_recipe_or_what_it_uses_changes()
    {
        string folder = Directory.CreateTempSubdirectory("merganser-recipes-").FullName;
        try
        {
            foreach (string name in new[] { "one", "two" })
            {
                string result = Directory.CreateDirectory(Path.Combine(folder, name)).FullName;
                File.WriteAllText(Path.Combine(result, "config.json"), "{}");
                File.WriteAllText(Path.Combine(result, "model.safetensors"), "");
                File.WriteAllText(Path.Combine(result, "mergekit_config.yml"), name == "one" ? One : Two);
            }

            Assert.Equal([true, true, false], Read(Last, Two, One).Steps(folder, Path.Combine(folder, "out")).Select(step => step.IsDone));
            Assert.All(Read(Last, Two, One).Steps(folder, Path.Combine(folder, "out"), lazy: false), step => Assert.False(step.IsDone));
            Assert.Equal([false, false, false], Read(Last, Two, One + "dtype: bfloat16\n").Steps(folder, Path.Combine(folder, "out")).Select(step => step.IsDone));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Each_document_keeps_its_own_text()
    {
        RecipeSet set = Read(Last, Two, One);
        Assert.Equal([Last, Two, One], set.Documents.Select(recipe => recipe.Text.TrimEnd() + "\n"));
    }

    private static RecipeSet Read(params string[] documents) => RecipeReader.ReadAll(string.Join("---\n", documents), "recipe.yml", RecipeMethods.Options);
}
