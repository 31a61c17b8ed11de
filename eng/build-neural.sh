# build-neural.sh REPOSITORY FOLDER: builds the command line with the verbs that need libtorch into FOLDER. TORCH=cuda takes the CUDA library.
repository=$1 app=$2 log=$2/build.log
echo "merganser: building the neural part (once; again when sources change; the first time downloads libtorch, 128 MB) …" >&2
"$repository/eng/native-prerequisites.sh" || true # the verb says what is missing
rm -rf "$app"
mkdir -p "$app"
touch "$app/.begun" # Sources that change from here on are newer than the build.
if ! dotnet publish "$repository/src/Merganser.Cli.Neural/Merganser.Cli.Neural.csproj" -c Release -o "$app" --nologo -v quiet -p:RunAnalyzers=false -p:Torch="${TORCH:-cpu}" > "$log" 2>&1; then
    cat "$log" >&2
    echo "merganser: the build failed" >&2
    exit 1
fi
rm -f "$log"
