// Command hello says which processor it was compiled for.
package main

import (
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"runtime"
)

func main() {
	serve := flag.Bool("serve", false, "say it to whoever asks on port 8080")
	check := flag.Bool("check", false, "see whether it is said there")
	flag.Parse()
	switch {
	case *serve:
		http.HandleFunc("/", func(answer http.ResponseWriter, _ *http.Request) {
			fmt.Fprintln(answer, runtime.GOARCH)
		})
		log.Fatal(http.ListenAndServe(":8080", nil))
	case *check:
		if _, err := http.Get("http://127.0.0.1:8080/"); err != nil {
			os.Exit(1)
		}
	default:
		fmt.Println(runtime.GOARCH)
	}
}
