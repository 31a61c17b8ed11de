using System.CommandLine;
using Merganser.Experiments;

namespace Merganser.Cli;

/// <summary><c>systems</c>: the catalogue of all systems, with what there is of each.</summary>
internal static class SystemsVerb
{
    public static Command Create(IReadOnlyList<Experiment> experiments)
    {
        var room = new Option<string?>("--room") { Description = "only those of a room: weights, tokenizers, tokens, caching, decoding, diffusion, models, records" };
        var status = new Option<string?>("--status") { Description = "only ready, library (classes without a verb) or planned ones" };
        status.AcceptOnlyFromAmong("ready", "library", "planned");
        var json = new Option<bool>("--json") { Description = "print JSON" };
        var command = new Command("systems", "List the systems of the literature: what is there, the paper, the command") { room, status, json };
        command.SetAction(parsed =>
        {
            HashSet<string> tried = [.. experiments.Select(experiment => experiment.Id), .. NeuralExperiments.Ids];
            string? wantedRoom = parsed.GetValue(room), wantedStatus = parsed.GetValue(status);
            SystemEntry[] entries = [.. SystemCatalogue.All.Where(entry => (wantedRoom ?? entry.Room) == entry.Room && (wantedStatus ?? entry.Status) == entry.Status)];
            if (entries.Length == 0)
                throw new MerganserException("no system is like that; 'merganser systems' lists all with their rooms");
            if (parsed.GetValue(json))
                PrintJson(parsed.InvocationConfiguration.Output, entries, tried);
            else
                PrintTable(parsed.InvocationConfiguration.Output, entries, tried);
        });
        return command;
    }

    private static void PrintTable(TextWriter output, SystemEntry[] entries, HashSet<string> tried)
    {
        var table = new TextTable("system", "room", "status", "experiment", "paper", "command");
        foreach (SystemEntry entry in entries)
            table.Add(entry.Id, entry.Room, entry.Status, tried.Contains(entry.Id) ? "yes" : "–", entry.Paper, entry.Command);
        table.Print(output, 6);
    }

    private static void PrintJson(TextWriter output, SystemEntry[] entries, HashSet<string> tried) => JsonText.Print(output, json =>
    {
        json.WriteStartArray();
        foreach (SystemEntry entry in entries)
        {
            json.WriteStartObject();
            json.WriteString("id", entry.Id);
            json.WriteString("title", entry.Title);
            json.WriteString("room", entry.Room);
            json.WriteString("status", entry.Status);
            json.WriteString("paper", entry.Paper);
            json.WriteString("command", entry.Command);
            json.WriteBoolean("experiment", tried.Contains(entry.Id));
            json.WriteEndObject();
        }

        json.WriteEndArray();
    });
}
