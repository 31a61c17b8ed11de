using Merganser.Cli.Neural;

// The whole command line, with the verbs that need libtorch. The program without them starts in milliseconds and is a project of its own.
return Merganser.Cli.Program.Run(args, Console.Out, Console.Error, NeuralVerbs.All);
