namespace Merganser.Weights.Recipes;

/// <summary>Chat templates by name, written from the public descriptions of the formats.</summary>
internal static class BuiltInTemplates
{
    /// <summary>Name to Jinja template.</summary>
    public static IReadOnlyDictionary<string, string> All { get; } = new SortedDictionary<string, string>(StringComparer.Ordinal)
    {
        ["alpaca"] = """
            {%- for turn in messages -%}
            {%- if turn['role'] == 'system' -%}
            {{- turn['content'] | trim + '\n\n' -}}
            {%- elif turn['role'] == 'user' -%}
            {{- '### Instruction:\n' + turn['content'] | trim + '\n\n' -}}
            {%- elif turn['role'] == 'assistant' -%}
            {{- '### Response:\n' + turn['content'] | trim + eos_token + '\n\n' -}}
            {%- endif -%}
            {%- endfor -%}
            {%- if add_generation_prompt -%}
            {{- '### Response:\n' -}}
            {%- endif -%}
            """,
        ["chatml"] = """
            {%- for turn in messages -%}
            {{- '<|im_start|>' + turn['role'] + '\n' + turn['content'] + '<|im_end|>' + '\n' -}}
            {%- endfor -%}
            {%- if add_generation_prompt -%}
            {{- '<|im_start|>assistant\n' -}}
            {%- endif -%}
            """,
        ["exaone"] = """
            {%- for turn in messages -%}
            {{- '[|' + turn['role'] + '|]' + turn['content'] -}}
            {%- if turn['role'] == 'user' -%}
            {{- '\n' -}}
            {%- else -%}
            {{- '[|endofturn|]\n' -}}
            {%- endif -%}
            {%- endfor -%}
            {%- if add_generation_prompt -%}
            {{- '[|assistant|]' -}}
            {%- endif -%}
            """,
        ["llama3"] = """
            {{- bos_token -}}
            {%- for turn in messages -%}
            {{- '<|start_header_id|>' + turn['role'] + '<|end_header_id|>\n\n' + turn['content'] | trim + '<|eot_id|>' -}}
            {%- endfor -%}
            {%- if add_generation_prompt -%}
            {{- '<|start_header_id|>assistant<|end_header_id|>\n\n' -}}
            {%- endif -%}
            """,
        ["mistral"] = """
            {{- bos_token -}}
            {%- set state = namespace(system='') -%}
            {%- for turn in messages -%}
            {%- if turn['role'] == 'system' -%}
            {%- set state.system = turn['content'] + '\n\n' -%}
            {%- elif turn['role'] == 'user' -%}
            {{- '[INST] ' + state.system + turn['content'] + ' [/INST]' -}}
            {%- set state.system = '' -%}
            {%- elif turn['role'] == 'assistant' -%}
            {{- ' ' + turn['content'] | trim + eos_token -}}
            {%- endif -%}
            {%- endfor -%}
            """,
    };
}
