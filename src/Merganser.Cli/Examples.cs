using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Merganser.Cli;

/// <summary>Help that ends with examples.</summary>
internal sealed class HelpWithExamples : SynchronousCommandLineAction
{
    private readonly HelpAction _help = new();

    public override int Invoke(ParseResult parseResult)
    {
        int code = _help.Invoke(parseResult);
        string path = string.Join(' ', Path(parseResult.CommandResult));
        if (Examples.ByVerb.TryGetValue(path, out string[]? lines))
        {
            TextWriter output = parseResult.InvocationConfiguration.Output;
            output.WriteLine("Examples:");
            foreach (string line in lines)
                output.WriteLine($"  {line}");
            output.WriteLine();
        }

        return code;
    }

    /// <summary>The verbs below the root: "lora", "extract".</summary>
    private static IEnumerable<string> Path(System.CommandLine.Parsing.CommandResult command) =>
        command.Parent is System.CommandLine.Parsing.CommandResult parent ? Path(parent).Append(command.Command.Name) : [];
}

/// <summary>The examples of every verb.</summary>
internal static class Examples
{
    public static IReadOnlyDictionary<string, string[]> ByVerb { get; } = new Dictionary<string, string[]>
    {
        [""] =
        [
            "merganser merge recipe.yml merged/            merge as a recipe says",
            "merganser merge recipe.yml merged/ --dry-run  what it would read and write",
            "merganser inspect merged/                     tensors, types, sizes",
            "merganser diff base/ merged/                  how far the weights moved",
            "merganser methods ties                        a method and its options",
        ],
        ["merge"] =
        [
            "merganser merge ties.yml merged/ --dry-run",
            "merganser merge ties.yml merged/ --verify",
            "merganser merge ties.yml merged/ --resume                    after an interruption",
            "merganser merge dare.yml merged/ --seed 7 --shard-size 2GB",
            "merganser merge ties.yml merged/ --explain layers.0.mlp      where each parameter comes from",
        ],
        ["inspect"] =
        [
            "merganser inspect merged/",
            "merganser inspect merged/ --summary",
            "merganser inspect model.safetensors --stats --filter layers.0.",
        ],
        ["diff"] =
        [
            "merganser diff base/ merged/ --top 20",
            "merganser diff base/ merged/ --svg heat.svg",
            "merganser diff run1/ run2/ --exit-code          in a script: 1 when they differ",
        ],
        ["convert"] =
        [
            "merganser convert model/ half/ --dtype bfloat16 --shard-size 2GB",
            "merganser convert pytorch-model/ safetensors-model/",
            "merganser convert merged/ merged.gguf --gguf q8_0",
        ],
        ["methods"] = ["merganser methods", "merganser methods dare_ties"],
        ["evaluate"] = ["merganser evaluate models/vit28-tasks/base merged/"],
    };
}
