/// How a layer tells overlayfs what it hides of the layers below: whiteouts are character devices 0:0, a directory's opaque mark is this attribute.
enum OverlayMarks {
    static let opaque = (name: Array("trusted.overlay.opaque".utf8), value: [UInt8(ascii: "y")])
}
