/// A start as one HTML page that needs nothing else: no network, no other file.
///
/// The page's parts are files beside this one, compiled in. What is shown is a JSON document in the page, which the script lays out.
public enum TracePage {
    /// Writes the page.
    public static func write(_ timeline: StartTimeline) throws -> [UInt8] {
        let title = "\(timeline.image): how it started"
        var page: [UInt8] = []
        page += "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n".utf8
        page += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>\(escaped(title))</title>\n<style>\n".utf8
        page += PackageResources.page_css
        page += "</style>\n</head>\n<body>\n".utf8
        page += PackageResources.page_html
        page += "<script type=\"application/json\" id=\"trace\">".utf8
        page += inScript(try JSONText.write(timeline))
        page += "</script>\n<script>\n\"use strict\";\n(() => {\n".utf8
        page += PackageResources.page_js + PackageResources.waterfall_js + PackageResources.tables_js
        page += "})();\n</script>\n</body>\n</html>\n".utf8
        return page
    }

    // Whatever a file is called: nothing in the data ends the script element or begins a comment in it.
    private static func inScript(_ json: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(json.count)
        for byte in json { if byte == UInt8(ascii: "<") { output += #"\u003c"#.utf8 } else { output.append(byte) } }
        return output
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;").replacing("\"", with: "&quot;")
    }
}
