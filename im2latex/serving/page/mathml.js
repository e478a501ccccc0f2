// MathML of the server as an element. Nothing but MathML without handlers and links gets into the page.

const NAMESPACE = "http://www.w3.org/1998/Math/MathML";
const ATTRIBUTES = /^(?:accent|accentunder|columnalign|columnlines|columnspacing|display|displaystyle|fence|form|frame|height|largeop|linethickness|lspace|mathvariant|maxsize|minsize|movablelimits|notation|rowlines|rowspacing|rspace|scriptlevel|separator|stretchy|symmetric|width|xmlns)$/;

export function parseMathml(text) {
  const root = new DOMParser().parseFromString(text, "application/xml").documentElement;
  for (const element of [root, ...root.querySelectorAll("*")]) {
    if (element.namespaceURI !== NAMESPACE) throw new Error("The formula cannot be shown.");
    for (const { name } of [...element.attributes]) if (!ATTRIBUTES.test(name)) element.removeAttribute(name);
  }
  return document.importNode(root, true);
}
