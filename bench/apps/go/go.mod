module afbundle.bench/noop

go 1.21
