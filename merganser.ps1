# Builds the command line once (again when sources changed) and runs it.
$ErrorActionPreference = 'Stop'
$app = Join-Path $PSScriptRoot 'artifacts/cli'
$stamp = Join-Path $app '.built'
$sources = Get-ChildItem (Join-Path $PSScriptRoot 'src'), (Join-Path $PSScriptRoot 'Directory.*') -Recurse -File
if (-not (Test-Path $stamp) -or ($sources | Where-Object LastWriteTime -gt (Get-Item $stamp).LastWriteTime | Select-Object -First 1)) {
    Write-Host 'merganser: building (once; again when sources change) ...'
    $project = Join-Path $PSScriptRoot 'src/Merganser.Cli/Merganser.Cli.csproj'
    dotnet publish $project -c Release -o $app --nologo -v quiet | Out-Host
    if ($LASTEXITCODE -ne 0) { exit 1 }
    New-Item $stamp -ItemType File -Force | Out-Null
}
dotnet (Join-Path $app 'Merganser.Cli.dll') @args
exit $LASTEXITCODE
