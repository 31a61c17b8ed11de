# Builds the command line once (again when sources changed) and runs it: a native binary where there is a native linker and
# the compiler package can be had, otherwise on the .NET runtime. MERGANSER_BUILD=managed asks for the latter.
$ErrorActionPreference = 'Stop'
if ($env:MERGANSER_BUILD -and $env:MERGANSER_BUILD -ne 'managed') {
    [Console]::Error.WriteLine("merganser: MERGANSER_BUILD is '$env:MERGANSER_BUILD'; leave it out or set it to managed")
    exit 2
}
$managed = $env:MERGANSER_BUILD -eq 'managed'
$app = Join-Path $PSScriptRoot $(if ($managed) { 'artifacts/cli-managed' } else { 'artifacts/cli' })
$stamp = Join-Path $app '.built'

# Ahead-of-time code for x64 needs AVX2. On Windows the linker is that of Visual Studio, which the build finds by itself.
function Test-NativeBuild {
    if ($managed -or $PSVersionTable.PSVersion.Major -lt 7) { return $false }
    $x64 = [Runtime.InteropServices.RuntimeInformation]::OSArchitecture -eq 'X64'
    if ($x64 -and -not [Runtime.Intrinsics.X86.Avx2]::IsSupported) { return $false }
    if ($IsWindows) { return Test-Path (Join-Path ${env:ProgramFiles(x86)} 'Microsoft Visual Studio/Installer/vswhere.exe') }
    return [bool](Get-Command clang, gcc -ErrorAction SilentlyContinue)
}

$sources = Get-ChildItem (Join-Path $PSScriptRoot 'src'), (Join-Path $PSScriptRoot 'Directory.*') -Recurse -File
if (-not (Test-Path $stamp) -or ($sources | Where-Object LastWriteTime -gt (Get-Item $stamp).LastWriteTime | Select-Object -First 1)) {
    [Console]::Error.WriteLine('merganser: building (once; again when sources change) ...')
    $begun = Get-Date
    if (Test-Path $app) { Remove-Item $app -Recurse -Force }
    New-Item $app -ItemType Directory | Out-Null
    $project = Join-Path $PSScriptRoot 'src/Merganser.Cli/Merganser.Cli.csproj'
    $common = @('publish', $project, '-c', 'Release', '-o', $app, '--nologo', '-v', 'quiet')
    $rid = [Runtime.InteropServices.RuntimeInformation]::RuntimeIdentifier
    $built = $false
    if (Test-NativeBuild) {
        $extra = @('-r', $rid, '-p:PublishAot=true', '-p:OptimizationPreference=Speed', '-p:RunAnalyzers=false',
            "-p:ArtifactsPath=$(Join-Path $PSScriptRoot 'artifacts/native-build')")
        if ([Runtime.InteropServices.RuntimeInformation]::OSArchitecture -eq 'X64') { $extra += '-p:IlcInstructionSet=x86-64-v3' }
        if (-not $IsWindows -and -not (Get-Command clang -ErrorAction SilentlyContinue)) { $extra += '-p:CppCompilerAndLinker=gcc' }
        dotnet @common @extra *> (Join-Path $app 'native.log')
        $built = $LASTEXITCODE -eq 0
    }
    if (-not $built) {
        dotnet @common -r $rid --self-contained false '-p:PublishReadyToRun=true' *> $null
        $built = $LASTEXITCODE -eq 0
    }
    if (-not $built) {
        dotnet @common | Out-Host
        if ($LASTEXITCODE -ne 0) { exit 1 }
    }
    New-Item $stamp -ItemType File -Force | Out-Null
    (Get-Item $stamp).LastWriteTime = $begun
}

$library = Join-Path $app 'Merganser.Cli.dll'
if (Test-Path $library) { dotnet $library @args }
else { & (Join-Path $app $(if ($IsWindows) { 'Merganser.Cli.exe' } else { 'Merganser.Cli' })) @args }
exit $LASTEXITCODE
