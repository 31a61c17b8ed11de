# build-cli.sh REPOSITORY FOLDER: builds the command line into FOLDER: as a native binary where there is a native linker and the
# compiler package can be had, otherwise for the .NET runtime. MERGANSER_BUILD=managed asks for the latter.
# Why there is no native binary stands in FOLDER/native.log.
repository=$1 app=$2 log=$2/build.log
echo "merganser: building (once; again when sources change) …" >&2
rm -rf "$app"
mkdir -p "$app"
touch "$app/.begun" # Sources that change from here on are newer than the build.
publish() { dotnet publish "$repository/src/Merganser.Cli/Merganser.Cli.csproj" -c Release -o "$app" --nologo -v quiet "$@" > "$log" 2>&1; }
runtime_identifier() { dotnet --info | sed -nE 's/^ *RID: *//p' | head -n 1; }
if [ "${MERGANSER_BUILD:-}" != managed ] && "$repository/eng/publish-native.sh" "$app" > "$app/native.log" 2>&1; then
    rm -f "$app/native.log"
elif ! publish -r "$(runtime_identifier)" --self-contained false -p:PublishReadyToRun=true && ! publish; then
    cat "$log" >&2
    echo "merganser: the build failed" >&2
    exit 1
fi
rm -f "$log"
