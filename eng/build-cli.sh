# build-cli.sh REPOSITORY FOLDER: publishes the command line, compiled ahead of time where the compiler package can be had.
log=$(mktemp)
rid=$(dotnet --info | sed -nE 's/^ *RID: *//p' | head -n 1)
echo "merganser: building (once; again when sources change) …" >&2
publish() { dotnet publish "$1/src/Merganser.Cli/Merganser.Cli.csproj" -c Release -o "$2" --nologo -v quiet "${@:3}" > "$log" 2>&1; }
if ! publish "$1" "$2" -r "$rid" --self-contained false -p:PublishReadyToRun=true &&
    ! publish "$1" "$2"; then
    cat "$log" >&2
    echo "merganser: the build failed" >&2
    exit 1
fi
rm -f "$log"
