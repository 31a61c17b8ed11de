using System.Text;
using System.Text.Json.Nodes;
using Merganser.Checkpoints;

namespace Merganser.Tests.Checkpoints;

public sealed class ConfigEditorTests
{
    private static string Edit(string json, Action<ConfigEditor> change)
    {
        var editor = new ConfigEditor(Encoding.UTF8.GetBytes(json), "config.json");
        change(editor);
        return Encoding.UTF8.GetString(editor.ToArray());
    }

    [Fact]
    public void Only_the_bytes_of_the_value_change()
    {
        const string Json = "{\r\n\t\"a\" : 1e-05,\n  \"n\":12, \"ü\": \"\\u00fc<\",\n \"z\": [1,2 ,3]\n}\n";
        Assert.Equal(Json.Replace("12", "7"), Edit(Json, editor => editor.Set("n", 7)));
        Assert.Equal(Json.Replace("[1,2 ,3]", "\"x\""), Edit(Json, editor => editor.Set("z", "x")));
    }

    [Fact]
    public void A_missing_key_is_added_last_with_the_indentation_of_the_others() =>
        Assert.Equal("{\n    \"a\": 1,\n    \"b\": 2\n}", Edit("{\n    \"a\": 1\n}", editor => editor.Set("b", 2)));

    [Fact]
    public void A_missing_path_is_added_as_nested_objects() =>
        Assert.Equal(5, (int)JsonNode.Parse(Edit("{\"a\": {\"q\": {}}}", editor => editor.Set("a.b.c", 5)))!["a"]!["b"]!["c"]!);

    [Theory]
    [InlineData("{}")]
    [InlineData("{\"a\": {}}")]
    [InlineData("{\"b\": {\"c\": 4}, \"a\": {\"c\": 3}}")]
    [InlineData("{\"a\": {\"x\": {\"c\": 1}, \"c\": 3, \"y\": 1}, \"b\": {\"c\": 4}}")]
    public void A_nested_key_is_set_where_it_belongs(string json)
    {
        JsonNode edited = JsonNode.Parse(Edit(json, editor => editor.Set("a.c", 9)))!;
        JsonNode expected = JsonNode.Parse(json)!;
        if (expected["a"] is null)
            expected["a"] = new JsonObject();
        expected["a"]!["c"] = 9;
        Assert.True(JsonNode.DeepEquals(expected, edited), edited.ToJsonString());
    }

    [Theory]
    [InlineData("{\"dtype\": \"float32\"}", "{\"dtype\": \"bfloat16\"}")]
    [InlineData("{\"torch_dtype\": \"float32\"}", "{\"torch_dtype\": \"bfloat16\"}")]
    [InlineData("{\"dtype\": \"a\", \"torch_dtype\": \"b\"}", "{\"dtype\": \"bfloat16\", \"torch_dtype\": \"bfloat16\"}")]
    [InlineData("{\"x\": 1}", "{\"x\": 1,\"torch_dtype\": \"bfloat16\"}")]
    public void The_element_type_goes_to_the_key_that_is_there(string before, string after) =>
        Assert.Equal(after, Edit(before, editor => editor.SetDType(DType.BF16)));

    [Theory]
    [InlineData("[1]")]
    [InlineData("{\"a\": 1, \"a\": 2}")]
    [InlineData("{\"a\": ")]
    [InlineData("")]
    public void What_is_no_object_is_refused(string json)
    {
        MerganserException refused = Assert.Throws<MerganserException>(() => Edit(json, _ => { }));
        Assert.StartsWith("config.json: ", refused.Message);
        Assert.DoesNotContain('\n', refused.Message);
    }

    [Fact]
    public void A_path_through_a_number_is_refused() =>
        Assert.Throws<MerganserException>(() => Edit("{\"a\": 1}", editor => editor.Set("a.b", 2)));

    [Fact]
    public void Too_deep_a_configuration_is_refused() =>
        Assert.Throws<MerganserException>(() => Edit("{\"a\":" + new string('[', 100) + new string(']', 100) + "}", _ => { }));
}
