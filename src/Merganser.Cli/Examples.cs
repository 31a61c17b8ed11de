using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Merganser.Cli;

/// <summary>Help that ends with examples.</summary>
internal sealed class HelpWithExamples : SynchronousCommandLineAction
{
    private readonly HelpAction _help = new();

    /// <summary>Whoever asks for help need not give the required options.</summary>
    public override bool ClearsParseErrors => true;

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
        ["pull"] =
        [
            "merganser pull Qwen/Qwen2.5-0.5B                    into the local cache; then 'Qwen/Qwen2.5-0.5B' is a model everywhere",
            "merganser pull Qwen/Qwen2.5-0.5B@main qwen/         into a folder",
            "merganser pull owner/name --dry-run                 which files, how large",
            "merganser pull owner/name --include '*.gguf'        other files than the usual ones",
            "merganser pull owner/name --mirror https://mirror.example",
        ],
        ["search"] =
        [
            "merganser search examples/vit28/pcb.yml --over lambda=0.2..1.3@0.5",
            "merganser search examples/vit28/pcb.yml --over-each lambda=0.8..1.3@1 --out out/pcb",
        ],
        ["merge"] =
        [
            "merganser merge ties.yml merged/ --dry-run",
            "merganser merge ties.yml merged/ --verify",
            "merganser merge ties.yml merged/ --resume                    after an interruption",
            "merganser merge dare.yml merged/ --seed 7 --shard-size 2GB",
            "merganser merge ties.yml merged/ --explain layers.0.mlp      where each parameter comes from",
        ],
        ["generate"] =
        [
            "merganser generate model/ \"Once upon a time\" -n 80",
            "merganser generate model/ \"Once\" -t 0.8 --top-p 0.95 --seed 7 --stop \"\\n\" --stats",
            "echo \"Once upon a time\" | merganser generate model/ --dtype bfloat16",
        ],
        ["chat"] =
        [
            "merganser chat model/ --system \"Answer briefly.\"",
            "merganser chat model/ -m \"What is a merganser?\"",
        ],
        ["perplexity"] =
        [
            "merganser perplexity model/ corpus.txt",
            "merganser perplexity merged/ test.txt --context 1024 --stride 512 --json",
        ],
        ["classify"] =
        [
            "merganser classify vit/ picture.jpg --top-k 5",
            "merganser classify vit/ test/                                   a folder per class: accuracy too",
            "merganser classify clip/ *.jpg --labels cat,dog --template \"a photo of a {}\"",
            "merganser classify vit/ test/ --summary --reduce tome --r 8      with fewer tokens; see also sweep and visualize",
            "merganser classify bert/ reviews.tsv --summary --batch 64",
            "echo \"a fine film\" | merganser classify bert/ --json",
            "merganser classify models/vit28-tasks/ft-mnist models/vit28-tasks/images/mnist --head models/vit28-tasks/heads.safetensors:mnist --summary",
        ],
        ["embed"] =
        [
            "merganser embed minilm/ sentences.txt --out vectors.npy",
            "merganser embed e5/ --prompt \"query: \" --text \"how do mergansers dive\" --normalize",
            "merganser embed qwen3-embedding/ corpus.jsonl --pooling last --out corpus.safetensors --batch 64",
            "merganser embed clip/ photos/ --out photos.npy",
            "cat sentences.txt | merganser embed minilm/ > vectors.jsonl",
        ],
        ["sweep"] =
        [
            "merganser sweep vit/ test/ --reduce tome,pitome,grid --flops 0.75,0.5 --svg curve.svg",
            "merganser sweep vit/ test/ --reduce tome --r 4,8,13 --csv table.csv --limit 2000",
            "merganser sweep clip/ test/ --labels cat,dog --keep 0.95,0.9",
        ],
        ["visualize"] =
        [
            "merganser visualize vit/ picture.jpg --reduce tome --r 13 -o tokens.html",
            "merganser visualize vit/ picture.jpg --reduce pitome --keep 0.9 -o tokens.png --block 6",
        ],
        ["learn-rates"] =
        [
            "merganser learn-rates vit/ train/ --flops 0.6 -o rates.json",
            "merganser classify vit/ test/ --summary --reduce diffrate --rates rates.json",
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
        ["lora extract"] =
        [
            "merganser lora extract --model tuned/ --base-model base/ --out-path adapter/ --max-rank 32",
            "merganser lora extract --model tuned/ --base-model base/ --out-path adapter/ --embed-lora --exclude-regex mlp",
        ],
        ["moe"] =
        [
            "merganser moe recipe.yml mixture/",
            "merganser moe recipe.yml mixture/ --moe-layout fused --seed 7",
        ],
        ["layer-swap"] =
        [
            "merganser layer-swap math/ swahili/ out/ --bottom 5 --transition-bottom 1 --top 2 --transition-top 1",
            "merganser layer-swap math/ swahili/ out/ --base-model base/ --print-yaml     choose the layers, print the recipe",
        ],
        ["change-map"] =
        [
            "merganser change-map base/ math/ swahili/",
            "merganser change-map base/ math/ --svg changes.svg",
        ],
        ["fill"] = ["merganser fill vision-language/ merged-language/ complete/"],
        ["shuffle"] =
        [
            "merganser shuffle out/ -m a/ -m b/ --seed 3",
            "merganser shuffle out/ -m a/ -m b/ -w 0.7 -w 0.3 --dry-run --print-yaml",
        ],
        ["merge-raw"] = ["merganser merge-raw recipe.yml out/", "merganser merge-raw recipe.yml out/ --tensor-intersection"],
        ["tokenizer"] =
        [
            "merganser tokenizer encode model/ \"Hello world\"",
            "merganser tokenizer inspect model/ --text \"Hello world\"",
            "merganser tokenizer compare a/ b/ --file de=german.txt --file fi=finnish.txt --html compare.html",
        ],
        ["tokenizer encode"] =
        [
            "merganser tokenizer encode model/ \"Hello world\"             ids",
            "merganser tokenizer encode model/ --file text.txt --tokens    the text, cut",
            "merganser tokenizer encode model/ --pair \"How?\" \"Hello\" --json",
        ],
        ["tokenizer decode"] = ["merganser tokenizer decode model/ 15496 995", "merganser tokenizer encode model/ hi | merganser tokenizer decode model/"],
        ["tokenizer count"] = ["merganser tokenizer count model/ --file a.txt --file b.txt", "merganser tokenizer count model/ < text.txt"],
        ["tokenizer train"] =
        [
            "merganser tokenizer train out.json corpus.txt                          byte-level BPE, 32,000 tokens",
            "merganser tokenizer train out.json *.txt --model unigram --vocab-size 8000",
            "merganser tokenizer train out.json corpus.txt --model wordpiece --normalizer bert --special [PAD] [UNK] [CLS] [SEP] [MASK]",
        ],
        ["tokenizer inspect"] = ["merganser tokenizer inspect model/ --unreachable", "merganser tokenizer inspect cl100k.tiktoken --file text.txt --html page.html"],
        ["tokenizer compare"] = ["merganser tokenizer compare a/ b/ --text \"Donaudampfschiff\"", "merganser tokenizer compare a/ b/ --file languages.jsonl --json"],
        ["tokenizer convert"] = ["merganser tokenizer convert cl100k.tiktoken tokenizer.json", "merganser tokenizer convert model/ vocab.json"],
        ["tokenizer bench"] = ["merganser tokenizer bench model/ --file corpus.txt --threads 2"],
        ["reproduce"] =
        [
            "merganser reproduce --list",
            "merganser reproduce ties                    table, verdict; docs/results/ties.md and ties.svg",
            "merganser reproduce --all --quick           everything in seconds, nothing written",
            "merganser reproduce dare --seeds 3 --json",
        ],
        ["systems"] = ["merganser systems", "merganser systems --room weights --json"],
        ["train"] =
        [
            "merganser train recipe.yml out/ --dry-run           what would be done",
            "merganser train recipe.yml out/                     a model folder, or an adapter if the recipe has a 'lora' section",
            "merganser train recipe.yml out/ --resume            go on after a crash or Ctrl-C",
        ],
        ["methods"] = ["merganser methods", "merganser methods dare_ties"],
        ["evaluate"] = ["merganser evaluate models/vit28-tasks/base merged/"],
    };
}
