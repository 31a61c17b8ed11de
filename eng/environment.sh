# Sourced by the launchers: finds the .NET SDK and keeps it quiet.
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1 DOTNET_GENERATE_ASPNET_CERTIFICATE=false
if ! command -v dotnet > /dev/null; then
    if [ -x "${DOTNET_ROOT:-$HOME/.dotnet}/dotnet" ]; then
        export PATH="${DOTNET_ROOT:-$HOME/.dotnet}:$PATH"
    else
        echo "merganser: the .NET 10 SDK is needed and 'dotnet' is not on the PATH; see https://dotnet.microsoft.com/download" >&2
        exit 1
    fi
fi
